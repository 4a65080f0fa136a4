"""Protocols: what they say, what changes them, and the area they score."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from upframe.errors import InputError, ShapeError
from upframe.metrics import METRICS, PROTOCOLS, Protocol, find_protocol


def test_every_protocol_of_the_published_systems_is_there() -> None:
    expected = {
        "rt4ksr",
        "rt4ksr-y",
        "set-y",
        "reds4-rgb",
        "vid4-y",
        "tecogan",
        "stssnet",
        "stssnet-edge",
        "stssnet-hole",
        "nsrr",
    }
    assert expected <= PROTOCOLS.keys()
    assert all(protocol.name == name for name, protocol in PROTOCOLS.items())


def test_no_two_protocols_compute_the_same() -> None:
    described: dict[str, list[str]] = {}
    for name, protocol in PROTOCOLS.items():
        described.setdefault(protocol.digest(), []).append(name)
    assert [names for names in described.values() if len(names) > 1] == []


def test_only_the_protocol_named_after_it_has_the_exchanged_luma() -> None:
    assert [name for name, protocol in PROTOCOLS.items() if protocol.luma == "bt601-swapped"] == ["rt4ksr"]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_tells_how_it_computes_in_one_paragraph(name: str) -> None:
    told = str(find_protocol(name))
    assert "\n" not in told
    assert name in told
    assert find_protocol(name).digest() in told
    assert "8 bits" in told or "floating point" in told


def test_quirks_are_told() -> None:
    assert "red and blue exchanged" in str(find_protocol("rt4ksr"))
    assert "for SSIM the whole frame" in str(find_protocol("stssnet-hole-published"))
    assert "not scaled to [-1, 1]" in str(find_protocol("stssnet-published"))
    assert "multiples of 32" in str(find_protocol("tecogan"))
    assert "2 frames are left out" in str(find_protocol("tecogan"))


def test_a_protocol_cannot_be_changed_and_can_be_a_key() -> None:
    protocol = find_protocol("set-y")
    with pytest.raises(FrozenInstanceError):
        protocol.border = 4  # type: ignore[misc]
    assert {protocol: 1}[replace(protocol)] == 1


def test_the_digest_changes_with_the_computation_and_not_with_the_name() -> None:
    protocol = find_protocol("set-y")
    assert replace(protocol, name="mine", source="me").digest() == protocol.digest()
    assert replace(protocol, border=0).digest() != protocol.digest()
    assert replace(protocol, metrics=("psnr_y",)).digest() != protocol.digest()


def test_the_digest_stays_as_it_is_from_release_to_release() -> None:
    assert find_protocol("set-y").digest() == "7158b949a069"
    assert find_protocol("tecogan").digest() == "caa01d92847e"


def test_metrics_are_chosen_by_short_names_too() -> None:
    assert find_protocol("rt4ksr").select(["psnr", "lpips"]).metrics == ("psnr_rgb", "psnr_y", "lpips")
    assert find_protocol("set-y").select(["ssim", "psnr", "psnr_y"]).metrics == ("ssim_y", "psnr_y")
    assert find_protocol("reds4-rgb").select(METRICS).metrics == METRICS
    assert find_protocol("set-y").select(["psnr", "ssim"]) is find_protocol("set-y")


def test_a_variant_has_another_name_and_digest() -> None:
    protocol = find_protocol("tecogan")
    variants = [protocol.with_lpips("squeeze"), protocol.masked("edge"), protocol.select(["psnr"])]
    assert len({variant.digest() for variant in variants} | {protocol.digest()}) == 4
    assert [variant.name for variant in variants] == ["tecogan+lpips-squeeze", "tecogan+edge", "tecogan+metrics"]
    assert protocol.with_lpips("alex") is protocol


def test_unknown_names_are_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'set5' is not one of the protocols: .*set-y"):
        find_protocol("set5")
    with pytest.raises(InputError, match=r"'pnsr' is not one of the metrics: .*psnr"):
        find_protocol("set-y").select(["pnsr"])
    with pytest.raises(InputError, match="'fid' is not one of the metrics"):
        Protocol("mine", "me", ("fid",))  # type: ignore[arg-type]


def test_rounded_luma_of_float_samples_is_a_contradiction() -> None:
    with pytest.raises(InputError, match="8 bits"):
        Protocol("mine", "me", ("psnr_y",), samples="float", luma="bt601-rounded")


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("set-y", (100, 120), (3, 97, 3, 117)),
        ("rt4ksr", (100, 120), (0, 100, 0, 120)),
        ("tecogan", (200, 320), (20, 180, 16, 304)),  # of 320 columns 288: at least 16 are cut
        ("tecogan", (48, 80), (8, 40, 8, 72)),
    ],
)
def test_the_area_is_that_of_the_published_scripts(
    name: str, size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    rows, columns = find_protocol(name).area(*size, scale=3)
    assert (rows.start, rows.stop, columns.start, columns.stop) == expected


def test_a_frame_with_nothing_left_is_told() -> None:
    with pytest.raises(ShapeError, match="nothing is left of a frame of 80x47"):
        find_protocol("tecogan").area(47, 80, scale=4)
    with pytest.raises(ShapeError, match="nothing is left"):
        find_protocol("set-y").area(8, 8, scale=4)
