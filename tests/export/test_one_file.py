"""A model that was handed in is one file: it opens no other, and asks for no operators of strangers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from upframe import Upscaler
from upframe.errors import CheckpointError
from upframe.export import Backend
from upframe.export.exporting import export_model
from upframe.models.catalog import Model
from upframe.models.rt4ksr import RT4KSR

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

BACKENDS: list[Backend] = ["onnxruntime", "openvino"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = RT4KSR(2, channels=4, blocks=1).merge().eval().requires_grad_(False)
    return export_model(Model(network, network.info), tmp_path_factory.mktemp("good") / "good.onnx").path


def moved_out(tensor: Any, place: str) -> None:
    """Let the numbers of a tensor lie in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value=place)


def outside(place: str) -> Any:
    tensor = onnx.helper.make_tensor("secret", onnx.TensorProto.FLOAT, [1], [0.0])
    moved_out(tensor, place)
    return tensor


def in_an_initialiser(model: Any, place: str) -> None:
    moved_out(max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data)), place)


def in_an_attribute(model: Any, place: str) -> None:
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["unused"], value=outside(place)))


def in_a_subgraph(model: Any, place: str) -> None:
    inner = onnx.helper.make_graph([onnx.helper.make_node("Constant", [], ["inner"], value=outside(place))], "inner", [], [])
    inner.output.append(onnx.helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, [1]))
    deeper = onnx.helper.make_graph(
        [onnx.helper.make_node("If", ["yes"], ["deep"], then_branch=inner, else_branch=inner)], "deeper", [], []
    )
    deeper.output.append(onnx.helper.make_tensor_value_info("deep", onnx.TensorProto.FLOAT, [1]))
    model.graph.initializer.append(onnx.helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True]))
    model.graph.node.insert(0, onnx.helper.make_node("If", ["yes"], ["unused"], then_branch=deeper, else_branch=deeper))


def in_a_sparse_tensor(model: Any, place: str) -> None:
    sparse = model.graph.sparse_initializer.add(dims=[1])
    sparse.values.CopyFrom(outside(place))


def in_a_function(model: Any, place: str) -> None:
    node = onnx.helper.make_node("Constant", [], ["out"], value=outside(place))
    opsets = [onnx.helper.make_opsetid("", 20)]
    model.functions.append(onnx.helper.make_function("mine", "f", [], ["out"], [node], opsets))
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", ["beside.bin", "../above.bin", "/etc/hostname", "*/_ORT_MEM_ADDR_/*"])
@pytest.mark.parametrize("hide", [in_an_initialiser, in_an_attribute, in_a_subgraph, in_a_sparse_tensor, in_a_function])
def test_numbers_in_another_file_are_refused(
    good: Path, tmp_path: Path, hide: Callable[[Any, str], None], place: str, backend: Backend
) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    (tmp_path / "model").mkdir()
    for there in (tmp_path / "above.bin", tmp_path / "model/beside.bin"):
        there.write_bytes(bytes(2**16))  # a runtime that opened it would find enough
    path = tmp_path / "model/bad.onnx"
    model = onnx.load(good)
    hide(model, place)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError) as raised:
        Upscaler(path, backend=backend)
    assert str(raised.value).startswith(f"{path}: the numbers of ")
    assert f"are in another file, {place!r}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("domain", "kind"), [("com.example", "RunThis"), ("com.microsoft", "EPContext"), ("ai.onnx.ml", "Scaler")]
)
def test_operators_of_others_are_refused(good: Path, tmp_path: Path, domain: str, kind: str, backend: Backend) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    model = onnx.load(good)
    model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    model.graph.node.append(onnx.helper.make_node(kind, [model.graph.output[0].name], ["unused"], domain=domain))
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match=rf"bad.onnx: its operator '{kind}' is of '{domain}', not of ONNX"):
        Upscaler(tmp_path / "bad.onnx", backend=backend)


def test_functions_a_file_brings_along_are_its_own(good: Path, tmp_path: Path) -> None:
    model = onnx.load(good)
    twice = onnx.helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(onnx.helper.make_function("mine", "same", ["x"], ["y"], [twice], [onnx.helper.make_opsetid("", 20)]))
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    name = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before" if output == name else output for output in node.output]
    model.graph.node.append(onnx.helper.make_node("same", ["before"], [name], domain="mine"))
    (tmp_path / "fine.onnx").write_bytes(model.SerializeToString())
    image = np.random.default_rng(0).random((9, 8, 3), dtype=np.float32)
    results = [Upscaler(path).upscale(image) for path in (tmp_path / "fine.onnx", good)]
    np.testing.assert_array_equal(*results)


def test_a_model_under_the_name_of_another_kind_is_refused(good: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    model = onnx.load(good)
    in_an_initialiser(model, "/etc/hostname")
    (tmp_path / "onnx.xml").write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match=r"onnx.xml: cannot be read as an exported model: not XML"):
        Upscaler(tmp_path / "onnx.xml")
    (tmp_path / "page.xml").write_text("<html/>")
    with pytest.raises(CheckpointError, match=r"page.xml: cannot be read as an exported model: it is XML, but not of OpenVINO"):
        Upscaler(tmp_path / "page.xml")


def test_an_openvino_model_has_its_own_operators_and_a_file_beside_it(good: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    openvino.save_model(openvino.Core().read_model(good.read_bytes()), tmp_path / "model.xml")
    text = (tmp_path / "model.xml").read_text(encoding="utf-8")
    (tmp_path / "model.xml").write_text(text.replace('version="opset1"', 'version="extension"', 1), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"model.xml: its operator '\w+' is of 'extension', not of OpenVINO"):
        Upscaler(tmp_path / "model.xml")
    (tmp_path / "model.xml").write_text(text, encoding="utf-8")
    (tmp_path / "model.bin").unlink()
    os.mkfifo(tmp_path / "model.bin")
    with pytest.raises(CheckpointError, match=r"model.bin: is a pipe"):
        Upscaler(tmp_path / "model.xml")
