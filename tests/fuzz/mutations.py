"""Files damaged as files are: bits turned, numbers replaced, pieces lost, doubled or exchanged, the end missing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def _turn_bits(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 8, 32))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _replace_number(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 3))):
        width = random.choice((1, 2, 4, 8))
        place = random.randrange(max(len(content) - width, 1))
        number = random.choice(NUMBERS) % 256**width
        content[place : place + width] = number.to_bytes(width, random.choice(("little", "big")))


def _replace_piece(content: bytearray, random: Random) -> None:
    place, size = _piece(content, random)
    content[place : place + size] = random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))


def _remove_piece(content: bytearray, random: Random) -> None:
    place, size = _piece(content, random)
    del content[place : place + size]


def _double_piece(content: bytearray, random: Random) -> None:
    place, size = _piece(content, random)
    content[place:place] = content[place : place + size] * random.choice((1, 2, 50))


def _exchange_pieces(content: bytearray, random: Random) -> None:
    place, size = _piece(content, random)
    other = random.randrange(len(content))
    content[place : place + size], content[other : other + size] = content[other : other + size], content[place : place + size]


def _cut_end(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


def _begin_with_another(content: bytearray, random: Random) -> None:
    content[: random.randrange(1, 12)] = random.choice(
        (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x80\x02", b"GIF89a", b"\x0a\x20\x0a\x04")
    )


def _piece(content: bytearray, random: Random) -> tuple[int, int]:
    return random.randrange(len(content)), min(random.choice((1, 2, 4, 16, 64, 512)), len(content))


WAYS: tuple[Callable[[bytearray, Random], None], ...] = (
    _turn_bits,
    _turn_bits,
    _replace_number,
    _replace_number,
    _replace_piece,
    _remove_piece,
    _double_piece,
    _exchange_pieces,
    _cut_end,
    _begin_with_another,
)


def mutated(content: bytes, seed: str) -> bytes:
    """A damaged copy, always the same for a seed. Most of the damage is in the first part, where the headers are."""
    random = Random(seed)
    changed = bytearray(content)
    head = None
    if len(changed) > 600 and random.random() < 0.5:
        head = random.choice((64, 256, 600))
        rest = changed[head:]
        changed = changed[:head]
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if changed:
            random.choice(WAYS)(changed, random)
    return bytes(changed if head is None else changed + rest)
