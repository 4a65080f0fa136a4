"""LPIPS and tLP: the published values, the files that are accepted, and those that are not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.reference.unpack import Reference
from torch import Tensor

from upframe.errors import CheckpointError, InputError, ShapeError
from upframe.metrics import LPIPS, load_lpips, lpips, tlp
from upframe.metrics.classifiers import Backbone, build_backbone

HALF = 4e-5
"""How far weights as half floats are from the published numbers."""
BACKBONES: tuple[Backbone, ...] = ("squeeze", "alex", "vgg")


@pytest.fixture(scope="module")
def squeeze(reference: Reference) -> LPIPS:
    return load_lpips(reference.file("lpips/lpips_squeeze_v0.1.safetensors"))


def published_files(backbone: Backbone, folder: Path) -> tuple[Path, Path]:
    """Heads and classifier with random values, under the names and in the form in which they were published."""
    torch.manual_seed(2)
    network = LPIPS(backbone)
    heads = {f"lin{k}.model.1.weight": torch.rand(1, head.numel(), 1, 1) for k, head in enumerate(network.heads)}
    classifier = {name: value.clone() for name, value in network.net.state_dict().items()}
    classifier["classifier.1.weight"] = torch.rand(2, 2)
    torch.save(heads, folder / f"{backbone}.pth", _use_new_zipfile_serialization=False)
    torch.save(classifier, folder / "classifier.pth")
    return folder / f"{backbone}.pth", folder / "classifier.pth"


def test_lpips_is_that_of_the_published_package(squeeze: LPIPS, pair: tuple[Tensor, Tensor], values: dict[str, Any]) -> None:
    assert lpips(squeeze, *pair) == pytest.approx(values["lpips_squeeze"]["pair"], abs=HALF)
    assert lpips(squeeze, pair[1], pair[1]) == values["lpips_squeeze"]["identical"] == 0


def test_lpips_and_tlp_of_a_clip_are_those_of_the_published_package(
    squeeze: LPIPS, clip: tuple[list[Tensor], list[Tensor]], values: dict[str, Any]
) -> None:
    check_clip(squeeze, clip, values["lpips_squeeze"], HALF)


def test_lpips_of_the_weights_as_published_is_equal_to_more_digits(
    shared: Path, clip: tuple[list[Tensor], list[Tensor]], values: dict[str, Any]
) -> None:
    whole = load_lpips(shared / "reference" / "lpips" / "lpips_squeeze_v0.1.safetensors")
    check_clip(whole, clip, values["lpips_squeeze"], 1e-5)


def check_clip(network: LPIPS, clip: tuple[list[Tensor], list[Tensor]], expected: dict[str, Any], tolerance: float) -> None:
    result, reference = clip
    measured = lpips(network, torch.stack(result), torch.stack(reference))
    assert measured == pytest.approx(sum(expected["clip"]) / 6, abs=tolerance)
    for t in (1, 2, 3):
        measured = tlp(network, result[t - 1], result[t], reference[t - 1], reference[t])
        assert measured == pytest.approx(expected["tlp100_uncropped"][t - 1], abs=100 * tolerance)


def test_the_files_can_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = published_files("squeeze", tmp_path)
    monkeypatch.setenv("UPFRAME_LPIPS", os.pathsep.join(map(str, files)))
    assert load_lpips().backbone == "squeeze"


def test_where_no_file_is_named_the_error_says_where_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPFRAME_LPIPS", raising=False)
    with pytest.raises(CheckpointError, match=r"(?s)LPIPS needs its weights: .*Name the file, or set UPFRAME_LPIPS"):
        load_lpips()


def test_unscaled_input_gives_another_number(squeeze: LPIPS, pair: tuple[Tensor, Tensor]) -> None:
    assert abs(lpips(squeeze, *pair, unscaled=True) - lpips(squeeze, *pair)) > 1e-3


@pytest.mark.parametrize(("backbone", "parameters"), [("squeeze", 722_496), ("alex", 2_469_696), ("vgg", 14_714_688)])
def test_the_classifiers_have_the_published_sizes(backbone: Backbone, parameters: int) -> None:
    network = build_backbone(backbone)
    assert sum(p.numel() for p in network.parameters()) == parameters
    frame = torch.rand(1, 3, network.smallest, network.smallest)
    assert [features.shape[1] for features in network(frame)] == list(network.widths)
    with pytest.raises((RuntimeError, ShapeError)):
        list(network(torch.rand(1, 3, network.smallest - 1, network.smallest - 1)))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_heads_and_classifier_are_read_from_two_files_in_any_order(backbone: Backbone, tmp_path: Path) -> None:
    heads, classifier = published_files(backbone, tmp_path)
    network = load_lpips(heads, classifier)
    assert network.backbone == backbone
    a, b = torch.rand(3, 40, 40), torch.rand(3, 40, 40)
    assert lpips(network, a, b) == lpips(load_lpips(classifier, heads), a, b) > 0
    stored = torch.load(heads, weights_only=True)
    assert torch.equal(network.heads[0], stored["lin0.model.1.weight"].flatten())


def test_the_state_dict_of_the_lpips_package_is_read(
    tmp_path: Path, pair: tuple[Tensor, Tensor], squeeze: LPIPS, reference: Reference
) -> None:
    stored = reference.tensors("lpips/lpips_squeeze_v0.1.safetensors")
    state = {name.replace("lins.", "lin"): value for name, value in stored.items()}
    torch.save(state, tmp_path / "whole.pth")
    assert lpips(load_lpips(tmp_path / "whole.pth"), *pair) == lpips(squeeze, *pair)


def test_lpips_is_a_loss_too(squeeze: LPIPS) -> None:
    result = torch.rand(2, 3, 32, 32, requires_grad=True)
    distance = squeeze(result, torch.rand(2, 3, 32, 32))
    assert distance.shape == (2,)
    distance.sum().backward()
    assert result.grad is not None
    assert result.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in squeeze.parameters())


def test_heads_alone_are_told_to_lack_their_classifier(tmp_path: Path) -> None:
    heads, _ = published_files("alex", tmp_path)
    with pytest.raises(CheckpointError, match=r"(?s)alex\.pth: the weights of AlexNet are missing.*alexnet-owt-7be5be79\.pth"):
        load_lpips(heads)


def test_a_classifier_alone_is_told_to_lack_its_heads(tmp_path: Path) -> None:
    _, classifier = published_files("squeeze", tmp_path)
    with pytest.raises(CheckpointError, match=r"holds no LPIPS v0\.1 heads"):
        load_lpips(classifier)


def test_the_classifier_of_another_network_is_refused(tmp_path: Path) -> None:
    heads, _ = published_files("alex", tmp_path)
    (tmp_path / "other").mkdir()
    _, classifier = published_files("vgg", tmp_path / "other")
    with pytest.raises(CheckpointError, match=r"net\.features\.\S+ (has the shape|are missing)|AlexNet are missing"):
        load_lpips(heads, classifier)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"absent\.pth: no such file"):
        load_lpips(tmp_path / "absent.pth")
    (tmp_path / "broken.pth").write_bytes(b"not weights at all")
    save_file({"lin0.model.1.weight": torch.rand(1, 64, 1, 1)}, tmp_path / "whole.safetensors")
    (tmp_path / "broken.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-20])
    for name in ("broken.pth", "broken.safetensors"):
        with pytest.raises(CheckpointError, match=rf"{name}: LPIPS weights cannot be read") as raised:
            load_lpips(tmp_path / name)
        assert "\n" not in str(raised.value)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match=r"list\.pth: holds no named tensors"):
        load_lpips(tmp_path / "list.pth")
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"other\.safetensors: holds no weights of LPIPS"):
        load_lpips(tmp_path / "other.safetensors")


def test_a_image_too_small_for_the_network_is_told_so(squeeze: LPIPS) -> None:
    with pytest.raises(ShapeError, match="40x12 is too small for LPIPS with SqueezeNet"):
        lpips(squeeze, torch.rand(3, 12, 40), torch.rand(3, 12, 40))


def test_nan_is_told_before_the_network_sees_it(squeeze: LPIPS) -> None:
    with pytest.raises(InputError, match="not finite"):
        lpips(squeeze, torch.full((3, 32, 32), torch.nan), torch.rand(3, 32, 32))
