"""The page about trainings: what it reads, what it refuses, and what its script draws, in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.reports.test_evaluation import EVIL, Browser, Tags

from upframe.errors import InputError, OutputError
from upframe.reports.training import find_runs, follow_runs, monitor_page, read_record, write_monitor
from upframe.reports.training.page import POINTS, thinned


class Parsed(Tags):
    EMPTY = (*Tags.EMPTY, "input")


LOSSES = {"pixel": lambda step: 1 / step, "real": lambda step: step / 100, "gradient_network": lambda step: 2.0}


def run(folder: Path, *, steps: int = 40, seed: int = 0, ended: bool = False, samples: tuple[int, ...] = (10, 20, 40)) -> Path:
    """The folder of a training, as ``upframe train`` leaves it."""
    (folder / "samples").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(f"name: {folder.name}\nsystem: frvsr\nseed: {seed}\niterations: 40\nbatch: 4\n")
    table(folder / "losses.csv", steps, {**LOSSES, "rate": lambda step: 1e-3 / step})
    table(folder / "timing.csv", steps, {"seconds_a_step": lambda step: 0.25, "data_share": lambda step: 0.02})
    table(folder / "validation.csv", steps, {"psnr_y": lambda step: 30 + step / 10, "lpips": lambda step: 1 / step})
    for step in samples:
        pixels = np.zeros((32, 96, 3), np.uint8)
        pixels[:, 32:64] = step
        pixels[:, 64:] = 255
        PIL.Image.fromarray(pixels).save(folder / "samples" / f"{step:08d}-0.png")
    if ended:
        (folder / f"{folder.name}.safetensors").touch()
    return folder


def table(path: Path, steps: int, columns: dict) -> None:  # type: ignore[type-arg]
    lines = [",".join(["step", *columns])]
    lines += [",".join([str(step), *(repr(float(value(step))) for value in columns.values())]) for step in range(1, steps + 1)]
    path.write_text("\n".join(lines) + "\n")


def page_of(*folders: Path, refresh: int | None = None) -> str:
    return monitor_page([read_record(folder) for folder in folders], refresh=refresh)


def curves_of(text: str) -> dict[str, list[dict[str, object]]]:
    """The curves a page carries, by title."""
    found = re.search(r'id="curves">(.*?)</script>', text, re.DOTALL)
    assert found
    return {plot["title"]: plot["lines"] for plot in json.loads(found[1])["plots"]}


# --- what is read


def test_every_column_becomes_a_curve(tmp_path: Path) -> None:
    text = page_of(run(tmp_path / "one"))
    curves = curves_of(text)
    assert curves["pixel"] == [{"run": 0, "x": list(range(1, 41)), "y": pytest.approx([1 / s for s in range(1, 41)], rel=1e-5)}]
    assert {"psnr_y", "lpips", "learning rate", "seconds a step", "share of a step spent waiting for data"} <= curves.keys()
    assert "discriminator&#39;s logits of real clips" in text
    for words in ("Validation", "Losses", "Discriminator", "Gradients", "34<small>at 40", "0.025<small>at 40", "2.0%", "of 40"):
        assert words in text, words


def test_runs_share_their_plots_and_their_truths(tmp_path: Path) -> None:
    text = page_of(run(tmp_path / "one"), run(tmp_path / "two", steps=20, seed=7, samples=(10,)))
    assert [line["run"] for line in curves_of(text)["pixel"]] == [0, 1]
    assert len(re.findall("<figcaption>truth", text)) == 1
    assert len(re.findall('<figure class="run">', text)) == 2
    assert re.search(r"What differs.*?<th scope=row>seed</th><td>0</td><td>7</td>", text, re.DOTALL)


def test_a_page_needs_no_network_and_no_other_file(tmp_path: Path) -> None:
    text = page_of(run(tmp_path / "one"))
    without_images = re.sub(r'"data:[^"]*"', '""', text)
    assert re.search(r"https?:|//\w|url\(|@import|fetch\(|XMLHttp", without_images) is None
    for _, attributes in Parsed(text).found:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    folder = run(tmp_path / EVIL.replace("/", ""))
    table(folder / "losses.csv", 3, {"</script><img src=x onerror=alert(1)>": lambda step: 1.0})
    text = page_of(folder)
    assert all("onerror" not in attributes for _, attributes in Parsed(text).found)
    assert "<img src=x" not in text


def test_a_training_that_has_just_begun_is_shown_as_such(tmp_path: Path) -> None:
    for number, lines in enumerate((None, "", "step\n", "step,pixel\n1,0.5")):  # the last line is being written
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        (folder / "recipe.yaml").write_text("system: frvsr\niterations: 10\n")
        if lines is not None:
            (folder / "losses.csv").write_text(lines)
        text = page_of(*find_runs([str(folder)]))
        assert "just started" in text
        Parsed(text)


def test_a_value_that_is_no_number_is_a_gap(tmp_path: Path) -> None:
    folder = run(tmp_path / "one")
    (folder / "losses.csv").write_text("step,pixel,late\n1,0.5,\n2,nan,\n3,0.25,7\n")
    curves = curves_of(page_of(folder))
    assert curves["pixel"][0]["x"] == [1, 3]
    assert curves["late"][0]["x"] == [3]


def test_a_long_curve_is_thinned_and_keeps_its_mean_and_its_end() -> None:
    curve = [(step, float(step % 7)) for step in range(1, 100_001)]
    thin = thinned(curve)
    assert len(thin) == POINTS
    assert thin[-1][0] == 100_000
    assert np.mean([value for _, value in thin]) == pytest.approx(3, abs=0.01)


def test_a_folder_of_trainings_stands_for_all_of_them(tmp_path: Path) -> None:
    one, two = run(tmp_path / "runs/one"), run(tmp_path / "runs/two")
    (tmp_path / "runs/notes").mkdir()
    assert find_runs([str(tmp_path / "runs"), str(one)]) == [one, two]


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "no such folder"), ("file", "is a file"), ("empty", "is not a training and holds none")],
)
def test_what_is_no_training_is_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=words):
        find_runs([str(tmp_path / name)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "damaged"),
        (b"a,b\n1,2\n", "first column"),
        (b"step,pixel\n1,lots\n", "line 2 is not a line of numbers"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    folder = run(tmp_path / "one")
    (folder / "losses.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"losses\.csv.*{words}"):
        read_record(folder)


def test_a_sample_that_is_damaged_is_not_shown(tmp_path: Path) -> None:
    folder = run(tmp_path / "one")
    (folder / "samples/00000040-0.png").write_bytes(b"\x89PNG\r\n\x1a\n half")
    assert "step 20" in page_of(folder)


def test_a_page_is_rewritten_until_the_training_has_ended(tmp_path: Path) -> None:
    folder = run(tmp_path / "one")
    pages = follow_runs([folder], tmp_path / "page.html", every=0.01)
    next(pages)
    assert '"refresh":1' in (tmp_path / "page.html").read_text()
    (folder / "one.safetensors").touch()
    assert [record.ended for record in next(pages)] == [True]
    assert '"refresh":null' in (tmp_path / "page.html").read_text()
    assert next(pages, None) is None


def test_a_file_that_is_no_such_page_is_not_replaced(tmp_path: Path) -> None:
    records, path = [read_record(run(tmp_path / "one"))], tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="is not a page about trainings"):
        write_monitor(path, records)
    with pytest.raises(OutputError, match=r"losses.csv: the page is an HTML file"):
        write_monitor(tmp_path / "one/losses.csv", records, overwrite=True)
    write_monitor(path, records, overwrite=True)
    write_monitor(path, records)


# --- in a browser


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


def test_the_curves_are_drawn(browser: Browser, tmp_path: Path) -> None:
    two = run(tmp_path / "two", steps=20, seed=1)
    document = browser.document(page_of(run(tmp_path / "one"), two))
    plots = re.findall(r'<svg viewBox.*?aria-label="(.*?)".*?</svg>', document, re.DOTALL)
    assert {"pixel", "psnr_y", "learning rate"} <= set(plots)
    pixel = re.search(r'aria-label="pixel".*?</svg>', document, re.DOTALL)
    assert pixel
    assert len(re.findall(r'<polyline class="soft"', pixel[0])) == 2
    heights = [
        float(pair.split(",")[1]) for pair in re.findall(r'<polyline class="soft" points="([^"]*)"', pixel[0])[0].split()
    ]
    assert heights == sorted(heights), "a loss that falls is drawn falling"


def test_the_slider_shows_an_earlier_image(browser: Browser, tmp_path: Path) -> None:
    text = page_of(run(tmp_path / "one"))
    script = 'const s = document.getElementById("time"); s.value = 0; s.dispatchEvent(new Event("input"));'
    for move, step in (("", "40"), (script, "10")):
        images = [image for image in Parsed(browser.document(text, move)).named("img") if "data-step" in image]
        assert [image["data-step"] for image in images if "hidden" not in image] == [step]


def test_a_curve_is_read_by_pointing_at_it(browser: Browser, tmp_path: Path) -> None:
    script = (
        "const svg = document.querySelector('[aria-label=psnr_y]'), box = svg.getBoundingClientRect();"
        "svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right - 1, clientY: box.top + 9}));"
    )
    document = browser.document(page_of(run(tmp_path / "one")), script)
    assert re.search(r'<div class="read"[^>]*><div>step 40</div>.*?<b>34</b>', document)


@pytest.mark.parametrize("size", ["1200,1600", "390,1200"])
def test_nothing_is_wider_than_the_window(browser: Browser, tmp_path: Path, size: str) -> None:
    script = (
        "document.documentElement.dataset.room = document.documentElement.scrollWidth - document.documentElement.clientWidth;"
    )
    assert 'data-room="0"' in browser.document(page_of(run(tmp_path / "one"), run(tmp_path / "two")), script, size)
