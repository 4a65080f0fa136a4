"""Run the code cells of notebooks from top to bottom, without Jupyter.

    python scripts/run_notebook.py examples/image.ipynb                  # prints what the cells print
    python scripts/run_notebook.py examples/*.ipynb --write              # and stores it in the notebooks, images too
    python scripts/run_notebook.py examples/video.ipynb --set steps=20   # other values for the cell tagged "parameters"

Cells see one namespace and the notebook's folder as the current one. The value of a cell's last expression is shown as Jupyter
shows it, ``display`` shows more. Magics and shell lines are not known: a notebook is plain Python here. The first cell that
fails ends the run with its traceback and exit code 1, and nothing is stored.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import io
import json
import linecache
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import PIL.Image

PARAMETERS = "parameters"  # the tag of the cell whose values may be set, as papermill has it
JPEG_QUALITY = 75

Notebook = dict[str, Any]
"""The JSON of a file of nbformat 4."""
Output = dict[str, Any]
"""One entry of a code cell's ``outputs``."""


class Shown(io.TextIOBase):
    """What a cell prints and displays, in order, and on to the terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self.outputs: list[Output] = []
        self._terminal = terminal

    def write(self, text: str) -> int:
        if not self.outputs or self.outputs[-1]["output_type"] != "stream":
            self.outputs.append({"output_type": "stream", "name": "stdout", "text": ""})
        self.outputs[-1]["text"] += text
        return self._terminal.write(text)

    def flush(self) -> None:
        self._terminal.flush()

    def display(self, *values: object) -> None:
        """Show values as a notebook does."""
        for value in values:
            self.outputs.append({"output_type": "display_data", "data": _formats(value), "metadata": {}})
            self._terminal.write(f"{self.outputs[-1]['data']['text/plain']}\n")

    def result(self, value: object, count: int) -> None:
        """Show the value of a cell's last expression."""
        self.display(value)
        self.outputs[-1] |= {"output_type": "execute_result", "execution_count": count}


def _formats(value: object) -> dict[str, str]:
    """An image as PNG or JPEG, whichever is smaller; anything else as text."""
    if not isinstance(value, PIL.Image.Image):
        return {"text/plain": repr(value)}
    files = {}
    for kind in ("png", "jpeg"):
        file = io.BytesIO()
        value.convert("RGB").save(file, kind, optimize=True, quality=JPEG_QUALITY)
        files[f"image/{kind}"] = base64.b64encode(file.getvalue()).decode("ascii")
    mime = min(files, key=lambda kind: len(files[kind]))
    return {mime: files[mime], "text/plain": f"<image of {value.width}x{value.height}>"}


def read(path: Path) -> Notebook:
    """A notebook. Raises ValueError for a file that is none."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise ValueError(f"{path}: is no notebook of format 4")
    return notebook


def write(path: Path, notebook: Notebook) -> None:
    """Write a notebook as Jupyter lays it out."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run(path: Path, parameters: Mapping[str, object]) -> Notebook:
    """Run a notebook in its folder and return it with its outputs; the file stays as it is.

    ``parameters`` replace values that the cell tagged "parameters" has set. Raises ValueError for one that it does not set, and
    whatever a cell raises.
    """
    notebook = read(path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    tagged = [cell for cell in cells if PARAMETERS in cell["metadata"].get("tags", ())]
    if parameters and not tagged:
        raise ValueError(f"{path}: has no cell tagged {PARAMETERS}")
    with contextlib.chdir(path.parent):
        for count, cell in enumerate(cells, start=1):
            shown = Shown(sys.stdout)
            namespace["display"] = shown.display
            with contextlib.redirect_stdout(shown):
                _run_cell("".join(cell["source"]), f"{path.name}[{count}]", namespace, shown, count)
            if cell in tagged:
                if unknown := [name for name in parameters if name not in namespace]:
                    raise ValueError(f"{path}: the cell tagged {PARAMETERS} does not set {', '.join(unknown)}")
                namespace |= parameters
            cell |= {"outputs": [_lines(output) for output in shown.outputs], "execution_count": count}
    return notebook


def _run_cell(source: str, name: str, namespace: dict[str, Any], shown: Shown, count: int) -> None:
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for tracebacks
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        if value is not None:
            shown.result(value, count)


def _lines(output: Output) -> Output:
    """Printed text as a list of lines, so that a change of one is a change of one in the file."""
    return output | {"text": output["text"].splitlines(keepends=True)} if output["output_type"] == "stream" else output


def _parameter(text: str) -> tuple[str, object]:
    """``steps=20`` as a name and a value: a Python literal, or else a text."""
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"{text!r} sets nothing: write name=value")
    with contextlib.suppress(ValueError, SyntaxError):
        return name, ast.literal_eval(value)
    return name, value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", type=Path, nargs="+", metavar="NOTEBOOK")
    parser.add_argument("--set", type=_parameter, action="append", default=[], metavar="NAME=VALUE", dest="parameters")
    parser.add_argument("--write", action="store_true", help="store the outputs in the notebooks")
    asked = parser.parse_args(arguments)
    for path in asked.notebooks:
        try:
            notebook = run(path, dict(asked.parameters))
        except Exception:  # noqa: BLE001  # whatever a cell raises is shown, as Jupyter shows it
            traceback.print_exc()
            print(f"{path}: failed", file=sys.stderr)
            return 1
        if asked.write:
            write(path, notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
