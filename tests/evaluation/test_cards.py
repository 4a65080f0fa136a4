"""The scores in the model cards are those that were measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from upframe.models.catalog import card_text, load, shipped

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "quality.json"
TRAINED = [info for info in shipped() if info.degradation != "none"]


def table(name: str) -> dict[str, dict[str, str]]:
    """The rows of a card's table of scores, by name, and in each row the cells by column."""
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in card_text(name).splitlines() if "|" in line]
    start = next(number for number, row in enumerate(rows) if "mean" in row)
    return {row[0]: dict(zip(rows[start][1:], row[1:], strict=True)) for row in rows[start + 2 :]}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(RESULTS.read_text())["figures"]
    return figures


@pytest.mark.parametrize("name", [info.name for info in TRAINED if info.kind == "image"])
def test_a_cards_scores_on_set5_are_those_that_were_measured(name: str, measured: dict[str, Any]) -> None:
    scale = re.findall(r"-x(\d)$", name)[0]
    scores = measured["set5"][f"x{scale}"]["scores"]
    assert scores[name]["sha256"] == load(name).info.sha256, "measured with other weights: run benchmarks/quality/evaluate.py"
    subjects = {"these weights": name, "bicubic": f"bicubic-x{scale}", "published weights": f"rt4ksr_x{scale}"}
    for row, cells in table(name).items():
        found = scores[subjects[row]]
        for column, cell in cells.items():
            if column == "mean":
                value = found["psnr_y"]
            elif column == "over bicubic":
                value = found["psnr_y"] - scores[f"bicubic-x{scale}"]["psnr_y"]
            else:
                value = found["pictures"][column]["psnr_y"]
            assert float(cell) == pytest.approx(value, abs=0.006), f"{row}, {column}"


def test_no_card_lacks_scores() -> None:
    for info in TRAINED:
        assert {"bicubic", "these weights"} <= set(table(info.name))
