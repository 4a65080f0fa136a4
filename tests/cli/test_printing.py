"""Nothing that names, metadata or errors hold steers the terminal or forges a line."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from pathlib import Path

import PIL.Image
import pytest
import torch
import typer
from PIL import PngImagePlugin
from tests.cli.conftest import Command, Outcome

from upframe.cli.errors import one_line
from upframe.cli.printing import cell, console, printable
from upframe.errors import InputError
from upframe.models.rt4ksr import RT4KSR

EVIL = "a\x1b[31mred\x07\r\n upframe: forged\x9b2J\u202egnp"


def assert_plain(outcome: Outcome) -> None:
    for text in (outcome.out, outcome.err):
        for character in text.replace("\n", ""):
            assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"), ascii(text)
            assert character not in "\u202e\u2066", ascii(text)
        assert not [line for line in text.splitlines() if line.strip().startswith("upframe: forged")], ascii(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain name.png", "plain name.png"),
        ("émoji 👩‍👧 日本語 עברית.png", "émoji 👩‍👧 日本語 עברית.png"),
        ("a\x1b[2J", r"a\x1b[2J"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("a\x9b\x7f\x00", r"a\x9b\x7f\x00"),
        ("a\u202eb\u2066\u2028", r"a\u202eb\u2066\u2028"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\udce9.png"),
    ],
)
def test_what_would_steer_a_terminal_is_written_out(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_lines_of_a_text_of_ours_stay_lines() -> None:
    assert printable("one\ntwo\x1b", lines=True) == "one\ntwo\\x1b"


def test_an_error_is_one_line_and_its_remedy_those_below(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), one_line(debug=False):
        raise InputError(f"{EVIL}: no such set", remedy=f"1. Go to\x1b[2J\n2. {'Unpack'}")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == f"upframe: {printable(EVIL)}: no such set"
    assert rest == [r"         1. Go to\x1b[2J", "         2. Unpack"]


def test_colours_of_ours_pass_and_those_of_names_do_not() -> None:
    from rich.table import Table

    file = io.StringIO()
    screen = console(file=file, force_terminal=True, color_system="standard", width=100, no_color=False)
    table = Table(box=None)
    table.add_column("name")
    table.add_row(cell(EVIL))
    screen.print(f"[red]{EVIL.replace(chr(10), '')}[/]", highlight=False)
    screen.print(table)
    text = file.getvalue()
    assert text.startswith("\x1b[31ma\\x1b")
    for character in ("\x07", "\x9b", "\u202e", "\r"):
        assert character not in text
    assert "\x1b" not in text.replace("\x1b[31ma", "").replace("\x1b[0m", "").replace("\x1b[1m", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of such names, and an image with such metadata."""
    if sys.platform == "win32":
        pytest.skip("no such names there")
    made = tmp_path / "in"
    made.mkdir()
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", EVIL)
    PIL.Image.new("RGB", (8, 8)).save(made / f"{EVIL}.png", pnginfo=info)
    PIL.Image.new("RGB", (8, 8)).save(os.fsencode(made) + b"/caf\xe9.png")
    (made / f"{EVIL} broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x1b]0;title\x07")
    (made / f"{EVIL}.mp4").write_text("no video\x1b[2J")
    return made


@pytest.mark.long
def test_commands_print_no_control_character_of_a_name(upframe: Command, folder: Path, tmp_path: Path) -> None:
    torch.save(RT4KSR(2, channels=4, blocks=1).state_dict(), tmp_path / f"{EVIL}.pth")
    broken = folder / f"{EVIL} broken.png"
    for arguments in (
        ("upscale", folder, "-o", f"{EVIL}/", "-m", "bicubic"),
        ("upscale", folder, "-o", f"{EVIL}j/", "-m", "bicubic", "--json"),
        ("degrade", folder, f"{EVIL}d/", "--kind", "bd", "--scale", "2"),
        ("compare", broken, broken, "--device", "cpu"),
        ("models", "show", f"{EVIL}.pth"),
        ("models", "import", f"{EVIL}.pth", "--licence", EVIL, "-o", "models"),
        ("profile", f"{EVIL}.pth", "--size", "8x8", "--device", "cpu", "--repeats", "1"),
        ("pack", folder, f"{EVIL}.lmdb"),
        ("upscale", folder, f"--{EVIL}"),
        (EVIL,),
    ):
        outcome = upframe(*arguments)
        assert_plain(outcome)
        assert "Traceback" not in outcome.err
        assert "a fault of Upframe itself" not in outcome.err, outcome.err
