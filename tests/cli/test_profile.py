"""``upframe profile`` as its users run it."""

from __future__ import annotations

from pathlib import Path

import torch
from tests.cli.conftest import Command, is_one_error

from upframe.models.rt4ksr import RT4KSR


def test_profile_tells_people_what_a_model_costs(upframe: Command) -> None:
    outcome = upframe("profile", "rt4ksr-x2", "--size", "64x48", "--device", "cpu", "--repeats", "2")
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert "64x48 -> 128x96" in lines[0]
    for words in (
        "parameters",
        "multiply-adds",
        "in convolutions",
        "activation memory",
        "latency",
        "least possible",
        "reached",
        "receptive field",
    ):
        assert any(line.strip().startswith(words) for line in lines)
    assert "39,072" in outcome.out


def test_profile_prints_one_json_object_and_nothing_else(upframe: Command) -> None:
    arguments = ("--size", "64x48", "--device", "cpu", "--threads", "1", "--repeats", "2", "--json")
    outcome = upframe("profile", "frvsr-x4", "--random", *arguments)
    assert outcome.code == 0
    (result,) = outcome.events
    assert (result["model"], result["parameters"], result["threads"]) == ("frvsr-x4", 2_589_093, 1)
    assert result["convolution_multiply_adds_on_output"] > result["convolution_multiply_adds"]
    assert result["peak_bytes"] is None or result["peak_bytes"] > 50 * 2**20  # torch alone is more


def test_profile_measures_any_weights_file(upframe: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save({"state_dict": RT4KSR(3, channels=6, blocks=1).state_dict()}, path)
    outcome = upframe("profile", path, "--size", "20x10", "--device", "cpu", "--repeats", "1", "--json")
    assert outcome.code == 0
    (result,) = outcome.events
    merged = RT4KSR(3, channels=6, blocks=1).merge()
    assert (result["model"], result["parameters"]) == ("mine", merged.info.parameters)


def test_profile_says_in_one_line_what_is_wrong(upframe: Command) -> None:
    for arguments, words in (
        (("rt4ksr-x2", "--size", "63x48"), "63x48 is no multiple of 2 in both directions. Try 64x48"),
        (("rt4ksr-x2", "--size", "large"), "WIDTHxHEIGHT"),
        (("no-such-model", "--size", "64x48"), "no-such-model"),
        (("rt4ksr", "--random", "--size", "64x48"), "rt4ksr-x2, frvsr-x4"),
        (("rt4ksr-x2", "--size", "64x48", "--device", "abacus"), "abacus"),
    ):
        outcome = upframe("profile", *arguments)
        assert (outcome.code, outcome.out) == (1, "")
        assert words in outcome.err
        assert is_one_error(outcome.err)
    assert upframe("profile", "rt4ksr-x2").code == 2
