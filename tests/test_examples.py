"""The notebooks in ``examples/``, run from top to bottom without Jupyter, and the script that runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from scripts.run_notebook import main, read, write

from upframe.errors import DeviceError
from upframe.training.data.camera import video_image
from upframe.training.data.chance import for_image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SMALL = {
    "image": ("steps=2",),
    "video": ("steps=2", "frames=10", "video='short.mp4'"),
    "rendered": ("steps=2", "frames=6", "size=(40, 64)"),
}
LARGEST = 300_000  # bytes of a notebook with its images


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The folder of examples, in a clean place, with a video of 12 frames."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder)
    image = np.asarray(PIL.Image.open(folder / "media/stream.png").convert("RGB")).transpose(2, 0, 1)
    import torch

    frames = video_image(torch.from_numpy(image.copy()), 12, 128, for_image(0, 0))
    with av.open(str(folder / "short.mp4"), "w") as video:
        stream = video.add_stream("libx264", rate=25)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        for frame in frames.numpy():
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.transpose(1, 2, 0)), "rgb24")))
        video.mux(stream.encode())
    return folder


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_runs_from_top_to_bottom_and_writes_below_build_alone(examples: Path, name: str) -> None:
    if name == "rendered":
        _require_opengl()
    before = files_in(examples)
    settings = [word for setting in SMALL[name] for word in ("--set", setting)]
    assert main([str(examples / f"{name}.ipynb"), *settings]) == 0
    assert files_in(examples) == before
    assert {path.name for path in examples.parent.iterdir()} == {"examples", "build"}
    assert list((examples.parent / "build/examples" / name).rglob("*.safetensors")), "a network was trained"


def _require_opengl() -> None:
    pytest.importorskip("moderngl")
    from upframe.renderers.raster.rasteriser import Rasteriser
    from upframe.renderers.scenes import generate

    try:
        Rasteriser(generate("street", 1, seconds=0.1, texture_pixels=8)).close()
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_is_kept_with_small_outputs_and_without_anything_of_a_machine(name: str) -> None:
    path = EXAMPLES / f"{name}.ipynb"
    text, notebook = path.read_text(encoding="utf-8"), read(path)
    assert len(text) < LARGEST
    assert all(cell["cell_type"] in ("markdown", "code") for cell in notebook["cells"])
    for cell in notebook["cells"]:
        assert not any(line.lstrip().startswith(("%", "!")) for line in cell["source"]), "plain Python runs everywhere"
        assert not any(output["output_type"] == "error" for output in cell.get("outputs", ()))
    assert not any(word in text for word in ("/home/", "/root/", "/tmp/", "C:\\\\"))


def notebook_of(path: Path, *sources: str, tags: tuple[str, ...] = ()) -> Path:
    """A notebook of code cells; ``tags`` are the first one's."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
        for i, s in enumerate(sources)
    ]
    cells[0]["metadata"] = {"tags": list(tags)}
    write(path, {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    return path


def test_what_cells_print_and_show_is_stored_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "import PIL.Image\nprint('first')\ndisplay(PIL.Image.new('RGB', (8, 8)))\nprint('second')\nn * 2"
    path = notebook_of(tmp_path / "n.ipynb", "n = 1", source, tags=("parameters",))
    assert main([str(path), "--set", "n=21", "--write"]) == 0
    outputs = json.loads(path.read_text())["cells"][1]["outputs"]
    assert [output["output_type"] for output in outputs] == ["stream", "display_data", "stream", "execute_result"]
    assert outputs[0]["text"] == ["first\n"]
    assert "image/png" in outputs[1]["data"]
    assert outputs[3]["data"]["text/plain"] == "42"
    assert capsys.readouterr().out.splitlines() == ["first", "<image of 8x8>", "second", "42"]


def test_a_cell_that_fails_is_named_and_nothing_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = notebook_of(tmp_path / "n.ipynb", "print('here')", "1 / 0", "print('never')")
    before = path.read_bytes()
    assert main([str(path), "--write"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "here\n"
    assert "n.ipynb[2]" in shown.err
    assert "ZeroDivisionError" in shown.err
    assert path.read_bytes() == before


def test_a_parameter_that_the_notebook_does_not_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = notebook_of(tmp_path / "n.ipynb", "n = 1", tags=("parameters",))
    assert main([str(path), "--set", "m=2"]) == 1
    assert "does not set m" in capsys.readouterr().err
