"""``upframe pack``: a folder of clips as one LMDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug, Overwrite
from upframe.cli.printing import write_line
from upframe.errors import InputError
from upframe.regular import refuse_irregular


def pack(
    folder: Annotated[Path, typer.Argument(help="A folder that holds a folder of frames for each clip.", show_default=False)],
    output: Annotated[Path, typer.Argument(metavar="OUT.lmdb", help="The LMDB to write, itself a folder.", show_default=False)],
    only: Annotated[
        Path | None,
        typer.Option("--only", metavar="FILE", help="A text file with the name of a clip a line: the others stay out."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Pack clips into an LMDB, for training; the code of TecoGAN's PyTorch edition reads it too.

    Frames are 8-bit RGB, uncompressed: a clip takes as much room as its pixels. Inputs stay as they are.
    """
    with one_line(debug=debug):
        from upframe.datasets.pack import pack as pack_clips

        names = _names(only)
        with _progress(quiet=as_json) as on_progress:
            packed = pack_clips(folder, output, only=names, overwrite=overwrite, on_progress=on_progress)
        if as_json:
            done = {"output": str(output), "clips": packed.clips, "frames": packed.frames, "bytes": packed.size}
            print(json.dumps(done))
        else:
            write_line(f"{output}: {packed.clips} clips, {packed.frames} frames, {packed.size / 1e6:,.1f} MB")


def _names(only: Path | None) -> list[str]:
    if only is None:
        return []
    refuse_irregular(only)
    try:
        names = [line.strip() for line in only.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{only}: cannot be read as a list of clips: {error}") from error
    if not names:
        raise InputError(f"{only}: names no clip")
    return names


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error."""
    from upframe.cli.terminal import counted, terminal

    with terminal(counted(), quiet=quiet) as screen:
        yield lambda done, total: screen.move(done, total, description="frames")
