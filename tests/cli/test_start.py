"""What costs nothing must stay so: importing Upframe, and asking for help."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.cli.conftest import Command


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys, json; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


def test_importing_upframe_imports_no_torch() -> None:
    loaded = _modules_after("import upframe; upframe.__version__; dir(upframe)")
    assert not loaded & {"torch", "numpy", "av", "PIL", "typer", "rich"}


def test_asking_for_help_imports_no_torch() -> None:
    statement = (
        "import sys; sys.argv = ['upframe', 'upscale', '--help']; from upframe.cli.main import app; app(standalone_mode=False)"
    )
    code = f"import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n    exec({statement!r})"
    assert not _modules_after(f"exec({code!r})") & {"torch", "numpy", "av", "PIL"}


@pytest.mark.parametrize("command", [["models"], ["models", "show", "rt4ksr-x2"], ["models", "list", "--published"], ["data"]])
def test_lists_and_cards_import_no_torch(command: list[str]) -> None:
    statement = (
        f"import sys; sys.argv = {['upframe', *command]!r}; from upframe.cli.main import app; app(standalone_mode=False)"
    )
    code = f"import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n    exec({statement!r})"
    assert not _modules_after(f"exec({code!r})") & {"torch", "numpy", "av", "PIL", "safetensors"}


def test_help_names_what_there_is(upframe: Command) -> None:
    outcome = upframe("--help")
    assert outcome.code == 0
    for word in ("upscale", "models", "130"):
        assert word in outcome.out


def test_models_lists_the_shipped_ones(upframe: Command) -> None:
    outcome = upframe("models", "--json")
    assert outcome.code == 0
    names = {card["name"] for card in outcome.events}
    assert {"bicubic-x2", "lanczos-x2", "rt4ksr-x2", "rt4ksr-x3", "rt4ksr-x4"} <= names
    assert "rt4ksr-x2" in upframe("models").out


def test_models_shows_a_card(upframe: Command) -> None:
    outcome = upframe("models", "show", "rt4ksr-x2")
    assert outcome.code == 0
    assert "Set5" in outcome.out
