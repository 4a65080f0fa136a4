"""Results lie where the pixels were that they were made of, whatever a network was trained with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.reference.unpack import Reference
from torch import Tensor, nn

from upframe import Upscaler
from upframe.datasets.degradation import DEGRADATIONS
from upframe.engine import upscaler as engine
from upframe.engine.size import Target
from upframe.models.cards import shipped
from upframe.models.catalog import Model, load
from upframe.models.frvsr import FRVSR
from upframe.models.info import ModelInfo
from upframe.models.published import PUBLISHED, published_name
from upframe.models.rt4ksr import RT4KSR
from upframe.models.ttvsr import TTVSR
from upframe.ops.colour import planes_to_rgb, rgb_to_planes
from upframe.ops.resize import downscale, resize, upscale
from upframe.ops.sampling import Sampling
from upframe.ops.shift import shift

Pixels = NDArray[Any]
ALLOWED = 0.05  # of a pixel of the result
TRAINED = [info.name for info in shipped() if info.degradation != "none" and info.kind != "rendered"]
SEEDED = ["seeded_bd_x2_nb2", "seeded_bd_x4_nb2", "seeded_bi_x4_nb2"]


def video(frames: int = 2, height: int = 256, width: int = 320) -> list[Tensor]:
    """Soft shapes with finer ones, that move by a pixel a frame: (1, 3, height, width) each, in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    parts = [resize(torch.rand(3, height // n + 1, width // n + 2, generator=generator), (height, width + 8)) for n in (32, 12)]
    wide = (0.6 * parts[0] + 0.4 * parts[1]).clamp(0, 1)[None]
    return [wide[..., i : i + width] for i in range(frames)]


def displacement(image: Tensor, other: Tensor) -> tuple[float, float]:
    """How far the content of an image is from that of another, right and down, in pixels; both (1, c, h, w) of one size.

    Least squares over the phase of the cross spectrum at low frequencies, weighted by its strength.
    """
    height, width = image.shape[-2:]
    window = torch.hann_window(height, dtype=torch.float64)[:, None] * torch.hann_window(width, dtype=torch.float64)
    first, second = (p.double().mean(dim=1)[0] for p in (image, other))
    spectra = [torch.fft.fft2((p - (p * window).sum() / window.sum()) * window) for p in (first, second)]
    cross = spectra[0] * spectra[1].conj()
    y, x = torch.meshgrid(torch.fft.fftfreq(height), torch.fft.fftfreq(width), indexing="ij")
    low = (x.square() + y.square()).sqrt() < 0.08  # cycles a pixel: no phase of a shift of a few pixels comes round
    design = -2 * math.pi * torch.stack((x[low], y[low]), dim=1).double()
    weights = cross[low].abs().sqrt()[:, None]
    found = torch.linalg.lstsq(design * weights, torch.angle(cross[low])[:, None] * weights).solution
    return float(found[0]), float(found[1])


def arrays(frames: list[Tensor]) -> list[Pixels]:
    return [np.ascontiguousarray(frame[0].permute(1, 2, 0).numpy()) for frame in frames]


def tensors(frames: list[Pixels]) -> list[Tensor]:
    return [torch.from_numpy(frame).permute(2, 0, 1)[None] for frame in frames]


def furthest(results: list[Tensor], others: list[Tensor]) -> float:
    return max(abs(d) for pair in zip(results, others, strict=True) for d in displacement(*pair))


def plain(frames: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
    return [resize(frame, size) for frame in frames]


def small_frvsr(scale: int = 4, degradation: Any = "BD") -> Model:
    """Random weights, whose output is little beside the upscaled frame that it is added to."""
    torch.manual_seed(0)
    network = FRVSR(scale, channels=8, blocks=1, flow_channels=4, degradation=degradation).eval().requires_grad_(False)
    network.srnet.conv_out.weight.mul_(0.1)
    return Model(network, network.info)


def borderless(model: Model) -> Model:
    """The same, given frames as they are."""
    return replace(model, info=replace(model.info, border=0))


def test_the_measure_finds_a_shift() -> None:
    (frame,) = video(1)
    x, y = displacement(shift(frame, -1.5, -0.4), frame)
    assert (x, y) == (pytest.approx(1.5, abs=ALLOWED), pytest.approx(0.4, abs=ALLOWED))


@pytest.mark.parametrize("name", [*TRAINED, "bicubic-x2", "lanczos-x4"])
def test_no_built_in_model_displaces_an_ordinary_video(name: str) -> None:
    upscaler = Upscaler(name, device="cpu")
    scale = upscaler.info.scale
    small = [downscale(frame[..., : 240 // scale * scale, :], scale) for frame in video()]
    results = tensors(list(upscaler.stream(arrays(small), cuts="off")))
    assert furthest(results, [upscale(frame, scale) for frame in small]) < ALLOWED


@pytest.mark.parametrize("name", SEEDED)
def test_no_published_checkpoint_displaces_an_ordinary_video(name: str, reference: Reference) -> None:
    upscaler = Upscaler(reference.file(f"frvsr/{name}.safetensors"), device="cpu")
    scale = upscaler.info.scale
    assert upscaler.info.sampling == ("corner" if "_bd_" in name else "centre")
    upscaler.network.srnet.conv_out.weight.mul_(0.05)  # type: ignore[operator,union-attr]  # random weights draw what is not there
    small = [downscale(frame, scale) for frame in video()]
    results = tensors(list(upscaler.stream(arrays(small), cuts="off")))
    assert furthest(results, [upscale(frame, scale) for frame in small]) < ALLOWED


def test_ttvsr_has_its_samples_in_the_centre() -> None:
    torch.manual_seed(0)
    network = TTVSR(channels=8, blocks=1).eval().requires_grad_(False)
    network.conv_last.weight.mul_(0.05)
    small = [downscale(frame, 4) for frame in video(2, 256, 256)]
    results = tensors(list(Upscaler(Model(network, network.info), device="cpu").stream(arrays(small), cuts="off")))
    assert furthest(results, [upscale(frame, 4) for frame in small]) < ALLOWED


@pytest.mark.parametrize("target", [Target(scale=3), Target(scale=2.5), Target(size=(150, 270)), Target(same=True)])
def test_another_size_is_no_displacement_either(target: Target) -> None:
    small = [downscale(frame, 4) for frame in video()]
    size = target.of(*small[0].shape[-2:], 4)
    results = tensors(list(Upscaler(small_frvsr(), device="cpu").stream(arrays(small), target, cuts="off")))
    assert furthest(results, plain(small, size)) < ALLOWED


def test_frames_alpha_and_single_images_are_moved_alike() -> None:
    upscaler, small = Upscaler(small_frvsr(), device="cpu"), downscale(video(1)[0], 4)
    with_alpha = np.concatenate((arrays([small])[0], arrays([small])[0][..., :1]), axis=2)
    large = upscale(small, 4)
    for result in (upscaler.upscale(with_alpha), next(upscaler.stream([with_alpha], cuts="off"))):
        assert furthest(tensors([result[..., :3], result[..., 3:]]), [large, large[:, :1]]) < ALLOWED


@pytest.mark.parametrize("scale", [2, 4])
def test_corner_data_is_upscaled_as_the_network_itself_does_it_to_the_last_bit(scale: int) -> None:
    model = borderless(small_frvsr(scale))
    small = [DEGRADATIONS["bd"].tensor(frame, scale) for frame in video(8, 64, 80)]
    upscaler = Upscaler(model, device="cpu", sampling="corner")
    stream = model.network.stream()
    with torch.inference_mode():
        expected = [result for frame in small for result in stream.feed(frame)] + stream.finish()
    results = tensors(list(upscaler.stream(arrays(small), cuts="off")))
    assert all(torch.equal(result, wanted) for result, wanted in zip(results, expected, strict=True))


def test_what_the_network_remembers_stays_where_it_put_it() -> None:
    model, small = borderless(small_frvsr()), [downscale(frame, 4) for frame in video(8, 64, 80)]
    upscaler = Upscaler(model, device="cpu")
    stream = model.network.stream()
    with torch.inference_mode():
        expected = [shift(result, -1.5, -1.5) for frame in small for result in stream.feed(frame)]
        expected += [shift(result, -1.5, -1.5) for result in stream.finish()]
    results = tensors(list(upscaler.stream(arrays(small), cuts="off")))
    assert all(torch.equal(result, wanted) for result, wanted in zip(results, expected, strict=True))


@pytest.mark.parametrize("name", ["bicubic-x4", "rt4ksr-x4", "lanczos-x2"])
def test_models_with_centred_samples_put_corner_data_in_place(name: str) -> None:
    upscaler = Upscaler(name, device="cpu", sampling="corner")
    scale = upscaler.info.scale
    large = video()
    small = [DEGRADATIONS["bd"].tensor(frame, scale, levels=None) for frame in large]
    results = tensors(list(upscaler.stream(arrays(small), cuts="off")))
    assert furthest(results, large) < ALLOWED


@pytest.mark.parametrize("sampling", ["centre", "corner"])
@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_flat_stays_flat_to_the_border(sampling: Sampling, level: float) -> None:
    model = small_frvsr()
    nn.init.zeros_(model.network.srnet.conv_out.weight)  # type: ignore[union-attr,arg-type]
    nn.init.zeros_(model.network.srnet.conv_out.bias)  # type: ignore[union-attr,arg-type]
    flat = np.full((20, 24, 3), level, np.float32)
    for upscaler in (Upscaler(model, device="cpu", sampling=sampling), Upscaler("bicubic-x4", device="cpu", sampling=sampling)):
        result = upscaler.upscale(flat)
        np.testing.assert_allclose(result, level, atol=1e-6)


@pytest.mark.parametrize("sampling", ["centre", "corner"])
def test_tiles_and_bands_do_not_show_where_results_are_moved(monkeypatch: pytest.MonkeyPatch, sampling: Sampling) -> None:
    torch.manual_seed(0)
    network = RT4KSR(4, channels=8, blocks=1).merge().eval()
    model = Model(network, replace(network.info, sampling="corner"))
    (image,) = arrays(video(1, 90, 70))
    whole = Upscaler(model, device="cpu", tile=None, sampling=sampling).upscale(image)
    tiled = Upscaler(model, device="cpu", tile=16, sampling=sampling).upscale(image)
    monkeypatch.setattr(engine, "BAND_PIXELS", 70 * 24)
    banded = Upscaler(model, device="cpu", tile=None, sampling=sampling).upscale(image)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    np.testing.assert_allclose(banded, whole, atol=1e-5)


@pytest.mark.parametrize("location", ["left", "center", "topleft", "top", "bottomleft", "bottom"])
def test_chroma_stays_on_luma(location: Any) -> None:
    """Blue and red differences that have the shapes of luma: upscaled, they still lie on them."""
    (frame,) = video(1)
    grey = downscale(frame, 2).mean(dim=1, keepdim=True)
    coloured = torch.cat((0.3 * grey + 0.2, 0.5 * grey + 0.2, 0.9 * grey), dim=1)
    kind: dict[str, Any] = {"matrix": "bt709", "full_range": True, "depth": 8}
    kind |= {"chroma_location": location, "subsampling": (2, 2)}
    with torch.inference_mode():
        read = planes_to_rgb(rgb_to_planes(coloured, **kind), **kind)
        large = Upscaler(small_frvsr(), device="cpu").upscale_tensor(read)
        again = planes_to_rgb(rgb_to_planes(large, **kind), **kind)
    luma = again.mean(dim=1, keepdim=True)
    chroma = again[:, 2:] - luma
    assert furthest([chroma], [luma]) < 2 * ALLOWED


def test_a_card_says_where_samples_lie() -> None:
    assert all(info.sampling == ("corner" if info.degradation == "BD" else "centre") for info in shipped())
    assert load("frvsr-lite-x4").info.sampling == "corner"


def test_a_card_that_does_not_say_it_is_known_by_its_degradation() -> None:
    for degradation, sampling in (("BD", "corner"), ("BI", "centre"), ("BD-centred", "centre"), ("unknown", "centre")):
        values = replace(small_frvsr().info, degradation=degradation).as_dict()
        del values["sampling"]
        assert ModelInfo.from_dict(values).sampling == sampling
    with pytest.raises(ValueError, match="sampling"):
        ModelInfo.from_dict(small_frvsr().info.as_dict() | {"sampling": "edge"})


def test_published_checkpoints_have_their_samples_where_their_data_had_them() -> None:
    corner = {entry.name for entry in PUBLISHED if entry.sampling == "corner"}
    assert corner == {entry.name for entry in PUBLISHED if entry.family == "frvsr" and entry.degradation == "BD"}
    assert published_name("ttvsr-x4-bd-vimeo90k").sampling == "centre"
    assert published_name("tecogan-x4-bi-vimeo").sampling == "centre"
