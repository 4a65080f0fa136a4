"""The scores in the model cards are those that were measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from upframe.models import load
from upframe.models.cards import card_text, shipped
from upframe.models.info import ModelInfo

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def _for_video(info: ModelInfo) -> bool:
    return info.degradation.startswith("film")


TRAINED = [info for info in shipped() if info.degradation != "none"]


def table(name: str) -> dict[str, dict[str, str]]:
    """The rows of a card's table of scores, by name, and in each row the cells by column."""
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in card_text(name).splitlines() if "|" in line]
    start = next(number for number, row in enumerate(rows) if "mean" in row)
    return {row[0]: dict(zip(rows[start][1:], row[1:], strict=True)) for row in rows[start + 2 :]}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in ("quality.json", "quality_short.json"):
        figures |= json.loads((RESULTS / name).read_text())["figures"]
    return figures


@pytest.mark.parametrize("name", [info.name for info in TRAINED if info.kind == "image" and not _for_video(info)])
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
                value = found["images"][column]["psnr_y"]
            assert float(cell) == pytest.approx(value, abs=0.006), f"{row}, {column}"


@pytest.mark.parametrize("info", [info for info in TRAINED if _for_video(info)], ids=lambda info: info.name)
def test_a_video_cards_scores_are_those_that_were_measured(info: ModelInfo) -> None:
    figures = json.loads((RESULTS / "film_quality.json").read_text())["figures"]
    assert figures["about"]["sha256"][info.name] == load(info.name).info.sha256, "measured with other weights"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card_text(info.name).splitlines()]
    start = next(number for number, row in enumerate(rows) if row[:2] == ["on", "weights"])
    shown = {(row[0], row[1]): row[2:] for row in rows[start + 2 :]}
    assert {condition for condition, _ in shown} == set(figures["conditions"])
    for (condition, model), cells in shown.items():
        mean = figures["conditions"][condition][model]["mean"]
        assert [float(cell) for cell in cells] == pytest.approx([mean[column] for column in rows[start][2:]], abs=0.0006)


VIDEO_AND_RENDERED = [info for info in TRAINED if info.kind != "image" and not _for_video(info)]


@pytest.mark.parametrize("info", VIDEO_AND_RENDERED, ids=lambda info: info.name)
def test_a_cards_scores_on_clips_are_those_that_were_measured(info: ModelInfo, measured: dict[str, Any]) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card_text(info.name).splitlines()]
    start = rows.index(["on", "protocol", "metric", "bicubic", "these weights", "over bicubic"])
    assert len(rows) > start + 2
    for sample, protocol, metric, bicubic, own, gain in rows[start + 2 :]:
        found = measured[sample][f"x{info.scale}"]
        values = found["scores"]
        assert found["protocol"] == protocol
        assert values[info.name]["sha256"] == load(info.name).info.sha256, "measured with other weights"
        assert float(bicubic) == pytest.approx(values[f"bicubic-x{info.scale}"][metric], abs=0.006)
        assert float(own) == pytest.approx(values[info.name][metric], abs=0.006)
        assert float(gain) == pytest.approx(float(own) - float(bicubic), abs=0.011)


@pytest.mark.parametrize("info", VIDEO_AND_RENDERED, ids=lambda info: info.name)
def test_a_model_that_does_not_beat_bicubic_everywhere_is_marked_experimental(
    info: ModelInfo, measured: dict[str, Any]
) -> None:
    gains = [
        found["scores"][info.name][metric] - found["scores"][f"bicubic-x{info.scale}"][metric]
        for scales in measured.values()
        if info.name in (found := scales.get(f"x{info.scale}", {"scores": {}}))["scores"]
        for metric in found["scores"][info.name]
        if metric.startswith("psnr")
    ]
    assert gains
    assert info.experimental or min(gains) > 0


def test_no_card_of_a_model_for_images_lacks_scores() -> None:
    for info in TRAINED:
        assert info.kind != "image" or _for_video(info) or {"bicubic", "these weights"} <= set(table(info.name))
