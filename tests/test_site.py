"""The site: it is built without a warning, no link in it is broken, and nothing of it comes from elsewhere."""

from __future__ import annotations

import doctest
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import upframe

ROOT = Path(__file__).parent.parent
NOT_OURS = {"404.html"}  # its links are from the root of a server


class Links(HTMLParser):
    """What a page names and links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in {"script", "img", "iframe"} and "src" in found:
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") in {"stylesheet", "preconnect", "icon"}:
            self.loaded.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="MkDocs is not installed: make installs it")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: make installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path.read_text()) for path in sorted(site.rglob("*.html")) if path.name not in NOT_OURS}


def test_no_link_and_no_anchor_is_broken(site: Path) -> None:
    found = pages(site)
    broken = []
    for page, content in found.items():
        for link in content.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            missing = not target.exists() or (parts.fragment and target in found and parts.fragment not in found[target].ids)
            if missing:
                broken.append(f"{page.relative_to(site)}: {link}")
    assert len(found) > 25
    assert not broken


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page, content in pages(site).items():
        assert not [source for source in content.loaded if urlsplit(source).netloc], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", sheet.read_text()), sheet


def test_every_command_has_its_part(site: Path) -> None:
    import typer.main

    from upframe.cli.main import app

    shown = Links((site / "commands.html").read_text()).ids
    assert {f"upframe-{name}" for name in typer.main.get_command(app).commands} <= shown  # type: ignore[attr-defined]


def test_every_public_name_has_its_part(site: Path) -> None:
    text = (site / "api.html").read_text()
    assert not [name for name in upframe.__all__ if not name.startswith("__") and f".{name}" not in text]


def test_a_list_of_the_pages_is_there_for_programs(site: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text())
    assert len(links) > 20
    assert all((site / link).exists() for link in links)


@pytest.mark.parametrize("name", [name for name in upframe.__all__ if not name.startswith("__")])
def test_every_public_name_has_an_example_that_runs(name: str) -> None:
    named = getattr(upframe, name)
    examples = doctest.DocTestParser().get_doctest(named.__doc__, {}, name, None, None)
    assert examples.examples, "its docstring has none"
    said = io.StringIO()
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples, out=said.write)
    assert not said.getvalue(), said.getvalue()
