"""Archives of torch (.pt2) written by someone who wants them to run something: none does."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import stat
import subprocess
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from upframe.errors import CheckpointError
from upframe.export import open_exported
from upframe.export.archive import ExportedProgram, read_archive
from upframe.export.exporting import export_model
from upframe.export.graph import Graph
from upframe.models.catalog import Model
from upframe.models.rt4ksr import RT4KSR

Members = dict[str, bytes]  # by their names below the folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = RT4KSR(2, channels=4, blocks=1).merge().eval().requires_grad_(False)
    return export_model(Model(network, network.info), tmp_path_factory.mktemp("good") / "good.pt2").path


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as file:
        return {name.partition("/")[2]: file.read(name) for name in file.namelist()}


def write(path: Path, content: Members) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, value in content.items():
            file.writestr(f"model/{name}", value)
    return path


def edited(content: Members, change: Callable[[Any], None], name: str = "models/model.json") -> Members:
    """The members with one JSON of theirs changed in place."""
    described = json.loads(content[name])
    change(described)
    return content | {name: json.dumps(described).encode()}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A folder that every attack here would make."""
    return tmp_path / "sprung"


def pickled(marker: Path) -> bytes:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(marker),)

    content = io.BytesIO()
    torch.save(Trap(), content)
    return content.getvalue()


def with_spell(program: Any, marker: Path) -> None:
    """A size that torch hands to SymPy's eval."""
    spell = f"__import__('os').mkdir('{marker}')"
    text = json.dumps(program["graph_module"])
    assert "expr_str" in text

    def cast(node: Any) -> None:
        if isinstance(node, dict):
            if "expr_str" in node:
                node["expr_str"] = spell
            node = list(node.values())
        for child in node if isinstance(node, list) else ():
            cast(child)

    cast(program)


def library(folder: Path, marker: Path) -> bytes:
    """A shared library that makes the marker as soon as it is loaded."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc to build a shared library with")
    source = folder / "trap.c"
    source.write_text(f'#include <sys/stat.h>\n__attribute__((constructor)) void spring(void) {{ mkdir("{marker}", 0777); }}\n')
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "trap.so", source], check=True)
    return (folder / "trap.so").read_bytes()


def assert_refused(path: Path, marker: Path, match: str = "") -> None:
    with pytest.raises(CheckpointError, match=rf"{path.name}: {match}") as caught:
        open_exported(path)
    assert "\n" not in str(caught.value)
    assert not marker.exists(), "what the archive holds has run"


def torch_springs(path: Path, marker: Path) -> None:
    """That the attack is one: torch's own loader falls for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(Exception):  # what counts is what has happened on the way
            torch.export.load(path).module(check_guards=False)
    assert marker.exists(), "this archive is harmless, and proves nothing"
    marker.rmdir()


def test_a_size_that_is_a_spell_is_never_evaluated(good: Path, marker: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "spell.pt2", edited(members(good), lambda program: with_spell(program, marker)))
    torch_springs(path, marker)
    file = open_exported(path)  # sizes in the description of a graph are not even looked at
    file.network()(torch.rand(1, 3, 8, 8))  # type: ignore[operator]
    assert not marker.exists()


@pytest.mark.parametrize("name", ["models/model.JSON", "Models/model.json", "models/other.json", "models/model.json.bak"])
def test_a_graph_under_another_name_is_refused(good: Path, marker: Path, tmp_path: Path, name: str) -> None:
    content = edited(members(good), lambda program: with_spell(program, marker))
    content[name] = content.pop("models/model.json")
    assert_refused(write(tmp_path / "name.pt2", content), marker, "holds ")


@pytest.mark.parametrize("name", ["data/constants/opaque_obj_0", "data/constants/custom_obj_0"])
def test_python_objects_are_refused(good: Path, marker: Path, tmp_path: Path, name: str) -> None:
    def add(config: Any) -> None:
        config["config"]["x"] = {"path_name": Path(name).name, "is_param": False, "use_pickle": True, "tensor_meta": None}

    content = edited(members(good), add, "data/constants/model_constants_config.json") | {name: pickled(marker)}
    assert_refused(write(tmp_path / "object.pt2", content), marker, "holds ")


@pytest.mark.parametrize(
    "name", ["tensor_90", "TENSOR_90", "sub/tensor_90", "../constants/tensor_90", "tensor_90/../opaque_obj_0"]
)
@pytest.mark.parametrize("kind", ["weight", "constant"])
def test_pickled_tensors_are_refused_under_every_name(good: Path, marker: Path, tmp_path: Path, kind: str, name: str) -> None:
    name = name.replace("tensor", "weight").replace("TENSOR", "WEIGHT") if kind == "weight" else name

    def add(config: Any) -> None:
        config["config"]["x"] = {"path_name": name, "is_param": False, "use_pickle": True, "tensor_meta": None}

    place = f"data/{kind}s"
    content = edited(members(good), add, f"{place}/model_{kind}s_config.json") | {f"{place}/{name}": pickled(marker)}
    path = write(tmp_path / "pickle.pt2", content)
    if name in ("tensor_90", "weight_90"):
        torch_springs(path, marker)
    assert_refused(path, marker)


@pytest.mark.parametrize("stored", ["TENSOR_0", "Tensor_0"])
def test_a_pickle_that_torch_finds_without_regard_to_case_is_refused(
    good: Path, marker: Path, tmp_path: Path, stored: str
) -> None:
    def add(config: Any) -> None:
        config["config"]["x"] = {"path_name": "tensor_0", "is_param": False, "use_pickle": True, "tensor_meta": None}

    content = edited(members(good), add, "data/constants/model_constants_config.json")
    path = write(tmp_path / "case.pt2", content | {f"data/constants/{stored}": pickled(marker)})
    torch_springs(path, marker)
    assert_refused(path, marker, "holds ")


@pytest.mark.parametrize("name", ["weights/model.pt", "constants/model.pt"])
def test_pickles_of_older_archives_are_refused(good: Path, marker: Path, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "old.pt2", members(good) | {f"data/{name}": pickled(marker)})
    assert_refused(path, marker, "holds ")


def test_pickled_samples_are_never_read(good: Path, marker: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "samples.pt2", members(good) | {"data/sample_inputs/model.pt": pickled(marker)})
    open_exported(path)
    assert not marker.exists()


def test_a_shared_library_is_refused(good: Path, marker: Path, tmp_path: Path) -> None:
    content = members(good) | {
        "data/aotinductor/model/trap.so": library(tmp_path, marker),
        "data/aotinductor/model/trap_metadata.json": b'{"AOTI_DEVICE_KEY": "cpu"}',
        "data/aotinductor/model/trap.wrapper_metadata.json": b'{"AOTI_DEVICE_KEY": "cpu"}',
    }
    path = write(tmp_path / "library.pt2", content)
    torch_springs(path, marker)
    assert_refused(path, marker, "holds ")


@pytest.mark.parametrize(
    "name", ["../../outside", "/etc/passwd", "models/../models/model.json", "models\\model.json", "models/model.json?x", "x/"]
)
def test_members_that_lie_elsewhere_are_refused(good: Path, marker: Path, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "place.pt2", members(good) | {name: b"{}"})
    path.write_bytes(path.read_bytes().replace(b"model.json?", b"model.json\0"))  # a name that ends in its middle
    assert_refused(path, marker, "holds ")


def test_members_given_twice_packed_or_as_links_are_refused(good: Path, marker: Path, tmp_path: Path) -> None:
    content = members(good)
    evil = edited(content, lambda program: with_spell(program, marker))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the writer knows that a name is there twice
        with zipfile.ZipFile(write(tmp_path / "twice.pt2", content), "a") as file:
            file.writestr("model/models/model.json", evil["models/model.json"])
    assert_refused(tmp_path / "twice.pt2", marker, "holds ")
    with zipfile.ZipFile(write(tmp_path / "two.pt2", content), "a") as file:
        file.writestr("other/models/model.json", evil["models/model.json"])
    assert_refused(tmp_path / "two.pt2", marker, "holds ")
    link = zipfile.ZipInfo("model/data/weights/weight_99")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(write(tmp_path / "link.pt2", content), "a") as file:
        file.writestr(link, "/etc/passwd")
    assert_refused(tmp_path / "link.pt2", marker, "holds ")
    with zipfile.ZipFile(tmp_path / "packed.pt2", "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in content.items():
            file.writestr(f"model/{name}", value)
    assert_refused(tmp_path / "packed.pt2", marker, "holds ")


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.higher_order.cond",
        "torch.hub.load",
        "torch.load",
        "_operator.methodcaller",
        "_operator.attrgetter",
        "builtins.eval",
        "os.system",
        "math.__loader__.load_module",
    ],
)
def test_operations_that_are_not_of_networks_are_refused(good: Path, marker: Path, tmp_path: Path, target: str) -> None:
    def change(program: Any) -> None:
        node = copy.deepcopy(program["graph_module"]["graph"]["nodes"][0])
        node["target"] = target
        node["inputs"] = [{"name": "filename", "arg": {"as_string": str(marker)}, "kind": 1}]
        program["graph_module"]["graph"]["nodes"].insert(0, node)

    assert_refused(write(tmp_path / "target.pt2", edited(members(good), change)), marker, "cannot be read .* the operation")


@pytest.mark.parametrize(
    "argument",
    [
        {"as_graph": {"name": "x", "graph": {}}},
        {"as_custom_obj": {"name": "x", "class_fqn": "os.system"}},
        {"as_operator": "os.system"},
        {"as_device": {"type": "cuda", "index": 0}},
        {"as_int": "__import__('os')"},
        {"as_ints": ["1"]},
        {"as_sym_int": {"as_int": "1"}},
    ],
)
def test_arguments_that_are_no_plain_values_are_refused(
    good: Path, marker: Path, tmp_path: Path, argument: dict[str, Any]
) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["inputs"][-1]["arg"] = argument

    assert_refused(write(tmp_path / "argument.pt2", edited(members(good), change)), marker, "cannot be read")


def test_weights_that_reach_beyond_their_bytes_are_refused(good: Path, marker: Path, tmp_path: Path) -> None:
    def upscale(config: Any) -> None:
        next(iter(config["config"].values()))["tensor_meta"]["sizes"][0] = {"as_int": 10**6}

    content = edited(members(good), upscale, "data/weights/model_weights_config.json")
    assert_refused(write(tmp_path / "beyond.pt2", content), marker, "cannot be read")


def test_a_graph_that_does_not_fit_its_contract_ends_in_one_line(good: Path, tmp_path: Path) -> None:
    def change(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["inputs"][-1]["arg"] = {"as_int": 7}

    path = write(tmp_path / "unfit.pt2", edited(members(good), change))
    network = open_exported(path).network()
    with pytest.raises(CheckpointError, match=r"unfit.pt2: its graph does not fit"):
        network(torch.rand(1, 3, 8, 8))  # type: ignore[operator]


class Mixed(nn.Module):
    """What graphs hold besides layers: sizes, constants, several results, infinity, views of one storage, memory made again."""

    def __init__(self) -> None:
        super().__init__()
        table = torch.arange(24, dtype=torch.float32)
        self.register_buffer("first", table[:12].view(3, 4))
        self.register_buffer("second", table[12:].view(4, 3).t())
        self.weight = nn.Parameter(torch.rand(3, 3, 3, 3).to(memory_format=torch.channels_last))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        height, width = image.shape[-2:]
        taller = nn.functional.interpolate(image, size=(height + -height % 8, 2 * width), mode="bilinear")
        one, two = taller.split([1, 2], dim=1)
        largest, index = torch.cat((two, one), 1).max(dim=1, keepdim=True)
        room = image.new_empty(2)
        room.copy_(torch.tensor([1.0, 2.0]))
        masked = largest.masked_fill(index == 0, 0).clamp(min=-torch.inf)
        return nn.functional.conv2d(taller, self.weight) * room[1], masked + (self.first * self.second).sum()


def test_a_graph_computes_what_its_module_does(tmp_path: Path) -> None:
    module = Mixed().eval().requires_grad_(False)
    sides = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, (torch.rand(1, 3, 20, 26),), dynamic_shapes=[sides]), tmp_path / "m.pt2")
    archive: ExportedProgram = read_archive(tmp_path / "m.pt2")
    graph = Graph(archive)
    for height, width in ((20, 26), (9, 31)):
        image = torch.rand(1, 3, height, width)
        for ours, expected in zip(graph(image.clone()), module(image), strict=True):
            torch.testing.assert_close(ours, expected, atol=0, rtol=0)
