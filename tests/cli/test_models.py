"""``upframe models``: lists, shows, imports and fetches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest
import torch
from tests.cli.conftest import ENVIRONMENT, Command, Outcome, is_one_error
from tests.web_server import Site, serving
from typer.testing import CliRunner

from upframe.cli.main import app
from upframe.models import load, published
from upframe.models.rt4ksr import RT4KSR


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's models, empty at first."""
    monkeypatch.setitem(ENVIRONMENT, "UPFRAME_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("UPFRAME_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def run(*arguments: object) -> Outcome:
    """``upframe models`` in this process."""
    result = CliRunner().invoke(app, ["models", *map(str, arguments)])
    return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A checkpoint as training scripts leave it."""
    network, path = RT4KSR(2, channels=8, blocks=1), tmp_path / "net_g.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in network.state_dict().items()}}, path)
    return path


def test_an_imported_file_works_by_its_name_everywhere(upframe: Command, weights: Path, folder: Path, tmp_path: Path) -> None:
    outcome = upframe("models", "import", weights, "--name", "mine", "--degradation", "BD", "--licence", "CC0-1.0")
    assert outcome.code == 0, outcome.err
    file = folder / "mine.safetensors"
    for words in (str(file), "RT4KSR x2", "channels 8, blocks 1", "left out epoch", "licence CC0-1.0"):
        assert words in outcome.out
    assert hashlib.sha256(file.read_bytes()).hexdigest() in outcome.out
    assert "mine" in run().out
    listed = next(card for card in run("list", "--json").events if card["name"] == "mine")
    assert (listed["origin"], listed["degradation"], listed["scale"]) == ("imported", "BD", 2)
    PIL.Image.new("RGB", (10, 8), "teal").save(tmp_path / "small.png")
    assert upframe("upscale", "small.png", "--model", "mine", "-o", "large.png").code == 0
    with PIL.Image.open(tmp_path / "large.png") as large:
        assert large.size == (20, 16)


def test_an_import_says_the_same_as_json(weights: Path) -> None:
    [card] = run("import", weights, "--json").events
    assert (card["name"], card["family"], card["scale"]) == ("net_g", "rt4ksr", 2)
    assert card["sha256"] == hashlib.sha256(Path(card["path"]).read_bytes()).hexdigest()
    assert card["found"][0].startswith("RT4KSR x2")
    [shown] = run("show", "net_g", "--json").events
    assert shown["sha256"] == card["sha256"]
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert f"imported from net_g.pth, SHA-256 {digest}" in shown["found"]


def test_an_import_keeps_the_training_form(weights: Path, folder: Path) -> None:
    assert run("import", weights).code == 0
    expected = load(weights, merge=False).network.state_dict()
    torch.testing.assert_close(load(folder / "net_g.safetensors", merge=False).network.state_dict(), expected)


@pytest.mark.parametrize(("output", "made"), [("kept.safetensors", "kept.safetensors"), ("new", "new/net_g.safetensors")])
def test_an_import_writes_where_it_is_told(output: str, made: str, weights: Path, tmp_path: Path) -> None:
    assert run("import", weights, "-o", output).code == 0
    assert load(tmp_path / made).info.scale == 2


def test_an_import_replaces_nothing_unasked(weights: Path, folder: Path) -> None:
    assert run("import", weights).code == 0
    outcome = run("import", weights, "--licence", "MIT")
    assert outcome.code == 1
    assert "exists already" in outcome.err
    assert load("net_g").info.licence == "unknown"
    assert run("import", weights, "--licence", "MIT", "--overwrite").code == 0
    assert load("net_g").info.licence == "MIT"
    assert [path.name for path in folder.iterdir()] == ["net_g.safetensors"]


def test_what_cannot_be_imported_is_one_line_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(3, 4).state_dict(), tmp_path / "other.pth")
    (tmp_path / "page.pth").write_text("<html>")
    for arguments in (["other.pth"], ["page.pth"], ["nowhere.pth"], ["rt4ksr-x2"]):
        outcome = run("import", *arguments)
        assert outcome.code == 1
        assert outcome.out == ""
        assert outcome.err.startswith("upframe: ")
        assert is_one_error(outcome.err)
    assert not folder.exists()


def test_a_model_is_not_imported_under_a_built_in_name_or_as_another_format(weights: Path) -> None:
    assert "--name" in run("import", weights, "--name", "rt4ksr-x2").err
    assert ".safetensors" in run("import", weights, "-o", "again.pth").err


def test_the_published_checkpoints_are_listed() -> None:
    entries = run("list", "--published", "--json").events
    assert {"rt4ksr-x2-published", "ttvsr-x4-bi-reds", "stssnet-x2-arena"} <= {entry["name"] for entry in entries}
    text = run("list", "--published").out
    assert "tecogan-x4-bd-vimeo" in text
    assert "By hand, from https://drive.google.com" in text


def test_a_model_is_shown_with_what_was_found(weights: Path) -> None:
    outcome = run("show", weights)
    assert outcome.code == 0
    assert "the weights lay under state_dict / module" in outcome.out
    assert "minimum" in outcome.out


@pytest.fixture
def site(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that offers one published checkpoint, ``offered``."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("upframe.download.PAUSE", 0.01)
    content = weights.read_bytes()
    with serving(Site({"/net.pth": content})) as running:
        entry = published.Published(
            name="offered",
            family="rt4ksr",
            scale=2,
            degradation="BI",
            licence="MIT",
            file="net.pth",
            page="https://example.org",
            address=f"{running.address}/net.pth",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        monkeypatch.setattr(published, "PUBLISHED", (entry,))
        yield running


def offer(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    monkeypatch.setattr(published, "PUBLISHED", (replace(published.PUBLISHED[0], **changes),))  # type: ignore[arg-type]


def test_a_published_checkpoint_is_fetched_resumed_verified_and_imported(site: Site, folder: Path) -> None:
    site.break_after = [3000]
    outcome = run("fetch", "offered")
    assert outcome.code == 0, outcome.err
    assert [asked.get("Range") for asked in site.asked] == [None, "bytes=3000-"]
    assert "imported as offered" in outcome.out
    assert "offered, verified by its SHA-256" in outcome.out
    assert [path.name for path in folder.iterdir()] == ["offered.safetensors"]
    info = load("offered").info
    assert (info.licence, info.degradation) == ("MIT", "BI")


def test_a_published_file_is_imported_with_its_name_and_card(site: Site, weights: Path) -> None:
    [card] = run("import", weights, "--json").events
    assert (card["name"], card["licence"], card["degradation"]) == ("offered", "MIT", "BI")


def test_what_was_fetched_before_is_not_fetched_again(site: Site) -> None:
    assert run("fetch", "offered").code == 0
    taken = len(site.asked)
    again = run("fetch", "offered", "--json")
    assert again.events[0]["name"] == "offered"
    assert len(site.asked) == taken
    assert run("fetch", "offered", "--overwrite").code == 0
    assert len(site.asked) == taken + 1


def test_a_file_without_a_known_digest_is_never_called_verified(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, sha256=None, size=None)
    outcome = run("fetch", "offered")
    assert outcome.code == 0, outcome.err
    assert "no digest of it is known, so that nothing has been verified" in " ".join(outcome.out.split())
    assert "verified by" not in outcome.out
    (entry,) = run("list", "--published", "--json").events
    assert entry["verified_by"] is None


def test_another_file_than_was_published_is_not_imported(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["/net.pth"] = b"x" * len(site.files["/net.pth"])
    outcome = run("fetch", "offered")
    assert outcome.code == 1
    assert "not the file that was expected" in outcome.err
    assert not (folder / "offered.safetensors").exists()


def test_another_network_than_was_published_is_not_imported(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, scale=3)
    outcome = run("fetch", "offered")
    assert outcome.code == 1
    assert "is a rt4ksr x2, and offered was expected" in outcome.err
    assert not (folder / "offered.safetensors").exists()


def test_what_a_program_cannot_fetch_is_explained(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, address="")
    outcome = run("fetch", "offered")
    assert outcome.code == 1
    assert "upframe models import net.pth --name offered" in outcome.err
    assert not site.asked


def test_no_network_is_said_plainly_with_what_to_do_by_hand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing listens
    outcome = run("fetch", "rt4ksr-x2-published")
    assert outcome.code == 1
    assert is_one_error(outcome.err)
    for words in ("cannot be reached", "https://raw.githubusercontent.com/", "upframe models import FILE"):
        assert words in outcome.err
    assert not (folder / "downloads").exists()


def test_a_name_that_is_not_published_says_where_the_names_are() -> None:
    outcome = run("fetch", "../x")
    assert outcome.code == 1
    assert "models list --published" in outcome.err


def test_a_switch_that_the_file_does_not_tell_is_set_at_import(weights: Path) -> None:
    assert run("import", weights, "--set", "residual=yes", "--set", "skip=no", "--set", "activation=relu").code == 0
    assert {"residual": True, "activation": "relu"}.items() <= load("net_g").network.configuration.items()
    assert "NAME=VALUE" in run("import", weights, "--set", "residual").err
    assert "is no switch of a RT4KSR" in run("import", weights, "--set", "depth=3").err
