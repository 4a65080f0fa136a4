"""What to do about an error is data: Python and the command line show it each in its own words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import typer

import upframe
from upframe.cli.flags import in_flags
from upframe.errors import InputError, MissingExtra, as_upframe_error
from upframe.media.video.info import VideoDamaged
from upframe.remedies import MAKE_ROOM, OVERWRITE, Option, either, keep_readable, leave_out, way

SOURCES = Path(upframe.__file__).parent


def test_python_reads_keyword_arguments_and_the_command_line_flags() -> None:
    assert str(OVERWRITE) == "Write elsewhere, or replace it with overwrite=True"
    assert in_flags(OVERWRITE) == "Write elsewhere with -o, or replace it with --overwrite"
    to_raise = way("raise the limit with ", Option("max_pixels", 40_000))
    assert (str(to_raise), in_flags(to_raise)) == (
        "Raise the limit with max_pixels=40000",
        "Raise the limit with --max-pixels 40000",
    )
    assert in_flags(way("use ", Option("clips", "a b"))) == "Use --clips 'a b'"
    assert str(leave_out("device", "precision")) == "Leave out device and precision"
    assert in_flags(leave_out("device", "precision")) == "Leave out --device and --precision"
    assert in_flags(None) == ""


def test_an_error_carries_its_remedy_beside_its_message() -> None:
    error = VideoDamaged("a.mp4: the file is cut short", 96)
    assert str(error) == "a.mp4: the file is cut short"
    assert error.remedy == keep_readable("the 96 frames that can be read")
    assert error.__notes__ == ["To keep the 96 frames that can be read, use allow_truncated=True"]
    placed = error.at("set")
    assert (type(placed), str(placed), placed.remedy) == (VideoDamaged, "set: a.mp4: the file is cut short", error.remedy)
    assert placed.frames == 96
    assert str(InputError("no", remedy="try again").remedy) == "Try again"
    assert InputError("no").remedy is None
    assert str(MissingExtra("onnx", "export", "a file").at("x")) == "x: a file needs the package 'onnx', which is not installed"


def test_a_fault_of_ours_asks_to_be_reported() -> None:
    fault = as_upframe_error(ZeroDivisionError("division by zero"), "a.png")
    assert str(fault) == "a.png: a fault of Upframe itself: ZeroDivisionError: division by zero"
    assert in_flags(fault.remedy) == "Please report it with the output of --debug"


def test_a_way_out_that_the_command_does_not_have_is_left_out() -> None:
    app = typer.Typer()
    said: list[str] = []

    @app.command()
    def plain(overwrite: bool = False) -> None:
        said.extend(map(in_flags, (OVERWRITE, keep_readable("it"), either("wait", leave_out("graphs")), MAKE_ROOM)))

    app([], standalone_mode=False)
    assert said == ["Write elsewhere, or replace it with --overwrite", "", "Wait", "Make room on the disk, or write elsewhere"]


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield str(path.relative_to(SOURCES)), node


def _flags() -> set[str]:
    from upframe.cli.main import app

    commands = [typer.main.get_command(app)]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
    return {
        flag for command in commands for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)
    }


def test_every_option_that_a_remedy_names_is_one_of_the_command_line() -> None:
    flags, named = _flags(), 0
    for name in ("Option", "leave_out"):
        for place, call in _calls(name):
            for word in call.args[: 1 if name == "Option" else None]:
                if isinstance(word, ast.Constant):
                    flag = {"settings": "--set"}.get(word.value, f"--{word.value.replace('_', '-')}")
                    assert flag in flags, f"{place}:{call.lineno}"
                    named += 1
    assert named > 10
