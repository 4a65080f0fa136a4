"""The page: it needs nothing but itself, shows names as they are, and its slider moves, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.evaluation.samples import blemished, moving, save, scene

from upframe.errors import OutputError
from upframe.evaluation import Comparison, Evaluation, EvaluationOptions, Panel, compare, evaluate
from upframe.reports.evaluation import page, write_page
from upframe.reports.plots import Dot, Series, line_plot, scatter_plot

EVIL = "<img src=x onerror=alert(1)>&\"'"


def ignored(_: object) -> None:
    pass


def compared(result: Path, reference: Path) -> tuple[Evaluation, tuple[Panel, ...]]:
    wanted = Comparison(str(result), str(reference), device="cpu", panels=True)
    return compare(wanted, on_step=ignored, on_note=ignored)


@pytest.fixture
def of_images(tmp_path: Path) -> str:
    """The page of an evaluation of two images."""
    for name, seed in (("apple", 1), ("berry", 2)):
        save(tmp_path / "set" / f"{name}.png", scene(256, 320, seed))
    request = EvaluationOptions(("lanczos",), str(tmp_path / "set"), scale=2, device="cpu", panels=True)
    return page(*evaluate(request, on_step=ignored, on_note=ignored))


@pytest.fixture
def of_clip(tmp_path: Path) -> str:
    """The page of a comparison of two clips."""
    for number, frame in enumerate(moving(8, 128, 160)):
        save(tmp_path / "ours" / f"{number:03d}.png", blemished(frame, seed=number))
        save(tmp_path / "theirs" / f"{number:03d}.png", frame)
    return page(*compared(tmp_path / "ours", tmp_path / "theirs"))


class Tags(HTMLParser):
    """Checks that every element that is opened is closed in its order; keeps the tags and their attributes."""

    EMPTY = ("meta", "img", "line", "circle", "polyline", "!doctype")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


# --- the text of it


def test_a_page_needs_no_network_and_no_other_file(of_images: str, of_clip: str) -> None:
    for text in (of_images, of_clip):
        without_images = re.sub(r'"data:[^"]*"', '""', text)
        assert len(without_images) < 60_000
        assert re.search(r"https?:|//\w|url\(|@import|fetch|XMLHttp", without_images) is None
        for _, attributes in Tags(text).found:
            for name in ("src", "href"):
                assert (attributes.get(name) or "data:").startswith("data:")
        assert "default-src 'none'" in text


def test_a_page_shows_what_was_computed_and_how(of_images: str, of_clip: str) -> None:
    for words in (
        "Side by side",
        "lanczos-x2 on set",
        "Quality and speed",
        "Image by image",
        "set-y",
        "MATLAB",
        "Where lanczos",
    ):
        assert words in of_images
    assert "Over time" not in of_images
    for words in ("ours against theirs", "Over time", "Frame by frame", "Where result does worst", "1 clip, 8 frames"):
        assert words in of_clip
    assert "Quality and speed" not in of_clip
    for text in (of_images, of_clip):
        assert len(Tags(text).named("svg")) >= 2
        assert "upframe" in text


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    name = EVIL.replace("/", "")
    for folder, pixels in (("ours", blemished(scene(128, 128))), ("theirs", scene(128, 128))):
        for label in (name, f"{name} again"):
            save(tmp_path / folder / f"{label}.png", pixels)
    evaluation, panels = compared(tmp_path / "ours", tmp_path / "theirs")
    text = page(evaluation, panels)
    assert all("onerror" not in attributes for _, attributes in Tags(text).found)
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_a_page_of_many_large_images_stays_small(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / "set" / f"{'abcdefghijkl'[number]}.png", scene(540, 960, number))
    request = EvaluationOptions(("lanczos",), str(tmp_path / "set"), scale=2, device="cpu", panels=True)
    evaluation, panels = evaluate(request, on_step=ignored, on_note=ignored)
    assert len(page(evaluation, panels)) < 8_000_000
    assert len([panel for panel in panels if panel.kind == "worst"]) == 3


def test_a_page_is_not_written_over_unless_asked(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", scene())
    evaluation, panels = compared(image, image)
    path = write_page(tmp_path / "report", evaluation, panels)
    assert path == tmp_path / "report" / "report.html"
    with pytest.raises(OutputError, match="exists already"):
        write_page(tmp_path / "report", evaluation, panels)
    write_page(tmp_path / "report", evaluation, panels, overwrite=True)
    assert [entry.name for entry in (tmp_path / "report").iterdir()] == ["report.html"]


def test_lines_have_gaps_where_there_is_no_number_and_keep_their_extremes() -> None:
    points = [(float(index), float("inf") if index == 5 else float(index % 3)) for index in range(12)]
    assert line_plot([Series("a", "red", points)], "x").count("<polyline") == 2
    long = [(float(index), 0.0) for index in range(100_000)]
    long[54_321] = (54_321.0, -7.0)
    plot = line_plot([Series("a", "red", long)], "x")
    assert len(plot) < 20_000
    lowest = max(float(pair.split(",")[1]) for pair in re.findall(r'points="([^"]*)"', plot)[0].split())
    assert lowest > 150, "the dip is there"
    assert line_plot([Series("a", "red", [(0.0, float("inf"))])], "x") == ""


def test_dots_need_company() -> None:
    one = Dot("a", "red", 3.0, 30.0)
    assert scatter_plot([one], "x", x_title="", y_title="") == ""
    assert scatter_plot([one, Dot("b", "blue", 3.0, 30.0)], "x", x_title="", y_title="").count("<circle") == 2


# --- in a browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Browser:
    """A headless browser without a network."""

    def __init__(self, folder: Path) -> None:
        found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
        if found is None:
            pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
        self._folder = folder
        self._command = [found, "--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}"]
        self._command += ["--no-first-run", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND"]
        self._command += ["--virtual-time-budget=2000"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            self._command.append("--no-sandbox")

    def _run(self, text: str, script: str, *arguments: str) -> str:
        path = self._folder / "shown.html"
        heard = "<script>window.onerror = (words) => { document.documentElement.dataset.fault = words; };</script>"
        text = text.replace("<head>", f"<head>{heard}", 1).replace("</body>", f"<script>{script}</script></body>", 1)
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [*self._command, *arguments, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    def document(self, text: str, script: str = "", size: str = "1200,1600") -> str:
        """The page's elements once its scripts and ``script`` have run."""
        found = self._run(text, script, "--dump-dom", f"--window-size={size}")
        assert "data-fault" not in found, re.findall(r'data-fault="[^"]*"', found)
        return found

    def image(self, text: str, script: str = "", size: str = "1200,1600") -> np.ndarray:
        """What is seen: (h, w, 3)."""
        path = self._folder / "seen.png"
        self._run(text, script, f"--screenshot={path}", f"--window-size={size}")
        with PIL.Image.open(path) as seen:
            return np.array(seen.convert("RGB"))


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


POINT = """
const stage = document.querySelector(".stage"), box = stage.getBoundingClientRect();
const point = (kind, share) => stage.dispatchEvent(new PointerEvent(kind, {
  bubbles: true, button: 0, pointerId: 1, pointerType: "TYPE", clientX: box.left + share * box.width, clientY: box.top + 5,
}));
"""


def divide(document: str) -> float:
    """Where the first slider stands, percent."""
    stage = next(tag for tag in Tags(document).named("div") if tag.get("class") == "stage")
    return float(re.findall(r"--at:\s*([\d.]+)%", stage.get("style") or "")[0])


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_the_slider_follows_the_pointer_while_it_is_held(browser: Browser, of_images: str, kind: str) -> None:
    script = POINT.replace("TYPE", kind)
    drag = 'point("pointerdown", 0.4); point("pointermove", 0.25); point("pointerup", 0.25); point("pointermove", 0.9);'
    document = browser.document(of_images, script + drag)
    assert divide(document) == pytest.approx(25, abs=0.5)
    assert 'aria-valuenow="25"' in document
    assert divide(browser.document(of_images, script + 'point("pointerdown", 0.5); point("pointermove", 3);')) == 100


def test_the_slider_obeys_the_keyboard(browser: Browser, of_images: str) -> None:
    press = (
        'const handle = document.querySelector(".handle"), press = (key, shiftKey) => '
        'handle.dispatchEvent(new KeyboardEvent("keydown", {key, shiftKey}));'
    )
    for keys, wanted in (
        ('press("ArrowLeft")', 48),
        ('press("ArrowRight", true)', 60),
        ('press("Home"); press("PageUp")', 10),
        ('press("End")', 100),
    ):
        assert divide(browser.document(of_images, f"{press}{keys};")) == wanted


def test_what_stands_on_either_side_can_be_chosen(browser: Browser, of_images: str) -> None:
    script = (
        'const select = document.querySelector("select.right");'
        'select.value = [...select.options].findIndex((option) => option.text === "reference");'
        'select.dispatchEvent(new Event("change"));'
    )
    images = Tags(browser.document(of_images, script)).named("img")
    first = images[: len({image["alt"] for image in images if "," not in (image["alt"] or "")})]
    assert [(image["alt"], image["class"]) for image in first if image["class"]] == [
        ("bicubic-x2", "left"),
        ("reference", "right"),
    ]


def test_another_image_can_be_chosen(browser: Browser, of_images: str) -> None:
    document = Tags(browser.document(of_images, 'document.getElementById("tab1").click();'))
    viewers = [tag for tag in document.named("div") if (tag.get("class") or "") == "viewer"]
    assert ["hidden" in viewer for viewer in viewers] == [True, False]


def test_the_divide_is_seen_where_it_stands(browser: Browser, tmp_path: Path) -> None:
    for name, value in (("white", 255), ("black", 0)):
        save(tmp_path / f"{name}.png", np.full((240, 400, 3), value, np.uint8))
    text = page(*compared(tmp_path / "white.png", tmp_path / "black.png"))
    for share in (0.2, 0.7):
        seen = browser.image(text, f'{POINT}point("pointerdown", {share}); document.activeElement.blur();')
        black, white = (np.all(seen == value, axis=2).sum(axis=1) for value in (0, 255))
        rows = black > 100
        assert rows.sum() > 300
        assert np.median(white[rows] / (white[rows] + black[rows])) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("size", ["1200,1600", "390,1200"])
def test_nothing_is_wider_than_the_window(browser: Browser, of_images: str, of_clip: str, size: str) -> None:
    script = (
        "document.documentElement.dataset.room = document.documentElement.scrollWidth - document.documentElement.clientWidth;"
    )
    for text in (of_images, of_clip):
        assert 'data-room="0"' in browser.document(text, script, size)
