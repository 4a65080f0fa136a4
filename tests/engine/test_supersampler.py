"""Rendered frames in, larger images out, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.reference.unpack import Reference
from torch import Tensor
from torch.nn import functional as F

from upframe.engine.supersampler import Supersampler
from upframe.errors import DeviceError, InputError
from upframe.models.catalog import Model
from upframe.models.nsrr import NSRR, disparity
from upframe.models.ntaau import NTAAU
from upframe.models.stssnet import STSSNet
from upframe.ops.outliers import usual_brightest
from upframe.ops.transfer import decode_linear, encode_linear
from upframe.rendered import RenderedFrame
from upframe.rendered.history import accumulate_motion, normalised_depth

HEIGHT, WIDTH = 45, 61  # no multiple of anything
Array = NDArray[Any]


def make_nsrr(scale: int = 2) -> Supersampler:
    torch.manual_seed(1)
    network = NSRR(scale)
    return Supersampler(Model(network.eval().requires_grad_(False), network.info), device="cpu")


def make_stssnet() -> Supersampler:
    torch.manual_seed(1)
    network = STSSNet()
    for parameter in network.parameters():  # PyTorch's own beginning lets nothing of the past reach the end
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    torch.nn.init.normal_(network.outc.weight, std=0.02)
    return Supersampler(Model(network.eval().requires_grad_(False), network.info), device="cpu")


def make_plain() -> Supersampler:
    """An STSSNet that adds nothing: its result is its first three channels, bilinearly upscaled."""
    network = STSSNet()
    for parameter in network.outc.parameters():
        torch.nn.init.zeros_(parameter)
    return Supersampler(Model(network.eval().requires_grad_(False), network.info), device="cpu")


def make_taau() -> Supersampler:
    return Supersampler("taau", device="cpu")


def make_ntaau() -> Supersampler:
    torch.manual_seed(1)
    network = NTAAU(2, widths=(8, 8, 8))
    torch.nn.init.normal_(network.network.last.weight, std=0.1)
    return Supersampler(Model(network.eval().requires_grad_(False), network.info), device="cpu")


MAKERS: list[Callable[[], Supersampler]] = [make_nsrr, make_stssnet, make_taau, make_ntaau]
both = pytest.mark.parametrize("make", MAKERS)


def pattern(x: Array, y: Array) -> Array:
    """Smooth colours at places (h, w): (h, w, 3) in [0.1, 0.9]."""
    waves = [(0.11, 0.23, 0.3), (0.31, -0.17, 1.1), (-0.07, 0.32, 2.0)]
    return np.stack([0.5 + 0.2 * (np.sin(a * x + b * y + c) + np.sin(b * x - a * y)) for a, b, c in waves], axis=2)


def frame(
    time: int = 0, *, size: tuple[int, int] = (HEIGHT, WIDTH), speed: float = 1.5, shaded: bool = True, **changes: Any
) -> RenderedFrame:
    """A wall that moves to the right by ``speed`` pixels a frame."""
    jitter = changes.get("jitter", (0.0, 0.0))
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    place = x + jitter[0] - speed * time, y + jitter[1]
    normal = np.zeros((*size, 3), np.float32)
    normal[..., 2] = 1
    buffers: dict[str, Any] = {
        "colour": pattern(*place).astype(np.float32) if shaded else None,
        "depth": (4 + np.sin(place[0] / 9)).astype(np.float32),
        "motion": np.stack((np.full(size, -speed), np.zeros(size)), axis=2).astype(np.float32),
        "normal": normal,
        "albedo": pattern(place[1], place[0]).astype(np.float32),
        "roughness": np.full(size, 0.5, np.float32),
        "metallic": np.full(size, 0.25, np.float32),
    }
    return RenderedFrame(**({"linear": False} | buffers | changes))


def run(supersampler: Supersampler, frames: list[RenderedFrame]) -> Array:
    """The result of the last of them."""
    for rendered in frames:
        result = supersampler.step(rendered)
    assert isinstance(result, np.ndarray)
    return result


def tensor(array: Any) -> Tensor:
    image = torch.from_numpy(np.array(array))
    return image[None, None] if image.ndim == 2 else image.permute(2, 0, 1)[None]


def wall(time: int, size: tuple[int, int]) -> Array:
    """What ``frame(time)`` shows, at twice its size."""
    y, x = np.mgrid[: 2 * size[0], : 2 * size[1]].astype(np.float32)
    return pattern((x + 0.5) / 2 - 0.5 - 1.5 * time, (y + 0.5) / 2 - 0.5)


def psnr(image: Array, reference: Array) -> float:
    return -10 * math.log10(float(((image - reference) ** 2).mean()))


def inner(image: Array, margin: int = 16) -> Array:
    return image[margin:-margin, margin:-margin]


# What the networks are given


def test_stssnet_is_given_a_shaded_frame_as_its_paper_has_it() -> None:
    supersampler = make_stssnet()
    still = [frame(0, colour=frame(time).colour, speed=0.0) for time in range(4)]
    result = run(supersampler, still)

    def padded(image: Tensor) -> Tensor:
        return F.pad(image, (0, 3, 0, 3), mode="replicate")

    colours = [padded(tensor(rendered.colour)) for rendered in still]
    ones = torch.ones_like(colours[0][:, :1])
    now = still[-1]
    depth = normalised_depth(tensor(now.depth))
    order = [tensor(now.normal), depth, tensor(now.roughness), tensor(now.metallic), tensor(now.albedo)]
    history = torch.stack([torch.cat((colour, ones), dim=1) for colour in colours[1:]], dim=1)
    expected = supersampler.network(torch.cat((colours[3], colours[3]), dim=1), padded(torch.cat(order, dim=1)), ones, history)
    np.testing.assert_allclose(result, expected[0, :, : 2 * HEIGHT, : 2 * WIDTH].permute(1, 2, 0), atol=2e-4)


def test_nsrr_is_given_five_frames_disparity_and_accumulated_motion() -> None:
    supersampler = make_nsrr()
    frames = [frame(time, speed=0.7) for time in range(7)]
    result = run(supersampler, frames)

    def padded(name: str) -> Tensor:
        last = torch.cat([tensor(getattr(rendered, name)) for rendered in frames[2:]])
        return F.pad(last, (0, 1, 0, 1), mode="replicate")[None]

    colour, depth, motion = padded("colour"), padded("depth"), padded("motion")
    expected = supersampler.network(colour, disparity(depth), accumulate_motion(motion))
    np.testing.assert_allclose(result, expected[0, :, : 2 * HEIGHT, : 2 * WIDTH].permute(1, 2, 0), atol=1e-5)


def test_a_published_network_upscales_frames_with_and_without_colour(reference: Reference) -> None:
    supersampler = Supersampler(reference.file("stssnet/Lewis.pkl"), device="cpu", far=100.0)
    for time in range(4):
        rendered = frame(time, size=(64, 96), shaded=time % 2 == 0)
        assert psnr(inner(run(supersampler, [rendered])), inner(wall(time, (64, 96)))) > 37


# Sizes, kinds, beginnings


@both
@pytest.mark.parametrize("size", [(45, 61), (48, 64), (9, 7), (1, 1)], ids=str)
def test_frames_of_every_size_are_upscaled(make: Callable[[], Supersampler], size: tuple[int, int]) -> None:
    supersampler = make()
    scale = supersampler.info.scale
    result = run(supersampler, [frame(time, size=size) for time in range(3)])
    assert result.shape == (scale * size[0], scale * size[1], 3)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nsrr_upscales_by_every_scale_it_was_made_for(scale: int) -> None:
    assert run(make_nsrr(scale), [frame()]).shape == (scale * HEIGHT, scale * WIDTH, 3)


@both
def test_tensors_come_back_as_tensors_with_the_same_values(make: Callable[[], Supersampler]) -> None:
    arrays, tensors = make(), make()
    for time in range(2):
        rendered = frame(time)
        expected = arrays.step(rendered)
        buffers = {name: torch.from_numpy(np.array(buffer)) for name, buffer in rendered.buffers().items()}
        result = tensors.step(RenderedFrame(**buffers, linear=False))  # type: ignore[arg-type]
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.numpy(), expected)


@both
def test_frames_are_not_changed(make: Callable[[], Supersampler]) -> None:
    supersampler = make()
    for time in range(3):
        rendered = frame(time, linear=True, exposure=1.0 + time, jitter=(0.1 * time, 0.0))
        copies = {name: np.array(buffer) for name, buffer in rendered.buffers().items()}
        for buffer in rendered.buffers().values():
            assert isinstance(buffer, np.ndarray)
            buffer.setflags(write=False)
        supersampler.step(rendered)
        for name, buffer in rendered.buffers().items():
            np.testing.assert_array_equal(np.asarray(buffer), copies[name])


@both
def test_a_past_changes_the_result(make: Callable[[], Supersampler]) -> None:
    with_past, alone = run(make(), [frame(0), frame(1), frame(2)]), run(make(), [frame(2)])
    assert abs(with_past - alone).max() > 1e-4


@both
def test_after_a_cut_nothing_of_the_past_is_left(make: Callable[[], Supersampler]) -> None:
    after = [frame(3, cut=True), frame(4)]
    np.testing.assert_array_equal(run(make(), [frame(0), frame(1), *after]), run(make(), after))


@both
def test_a_reset_is_a_new_beginning(make: Callable[[], Supersampler]) -> None:
    supersampler = make()
    run(supersampler, [frame(0), frame(1, exposure=2.0, jitter=(0.25, 0.25))])
    supersampler.reset()
    np.testing.assert_array_equal(run(supersampler, [frame(5)]), run(make(), [frame(5)]))


@both
def test_a_frame_of_other_proportions_is_a_beginning(make: Callable[[], Supersampler]) -> None:
    supersampler = make()
    run(supersampler, [frame(0, size=(45, 30)), frame(1, size=(45, 30))])
    np.testing.assert_array_equal(run(supersampler, [frame(2)]), run(make(), [frame(2)]))


def test_missing_frames_are_the_oldest_one_again() -> None:
    still = [frame(0, speed=0.0), frame(0, colour=frame(3).colour, speed=0.0)]
    repeated = [still[0]] * 4 + [still[1]]
    np.testing.assert_allclose(run(make_nsrr(), still), run(make_nsrr(), repeated), atol=1e-5)
    np.testing.assert_allclose(run(make_stssnet(), still), run(make_stssnet(), repeated), atol=1e-4)


@both
def test_the_past_stays_in_the_same_memory(make: Callable[[], Supersampler]) -> None:
    supersampler = make()

    def places() -> list[int]:
        kept = [value for value in vars(supersampler._history).values() if isinstance(value, Tensor | tuple)]
        return [item.data_ptr() for value in kept for item in (value if isinstance(value, tuple) else (value,))]

    run(supersampler, [frame(0)])
    before = places()
    run(supersampler, [frame(time, cut=time == 4) for time in range(1, 8)])
    assert before
    assert places() == before


# Frames without colour


@pytest.mark.parametrize("shaded", ["c.c.c.", "c.", "ccc...", "c....", "c..c.c."])
def test_a_frame_without_colour_shows_the_past_at_its_place(shaded: str) -> None:
    frames = [frame(time, shaded=kind == "c") for time, kind in enumerate(shaded)]
    result = run(make_plain(), frames)
    time = len(shaded) - 1
    assert psnr(inner(result), inner(wall(time, (HEIGHT, WIDTH)))) > 42
    assert psnr(inner(result), inner(wall(time - 1, (HEIGHT, WIDTH)))) < 30, "it is not just shown again"


def test_nsrr_needs_the_colour_of_every_frame() -> None:
    supersampler = make_nsrr()
    supersampler.step(frame(0))
    with pytest.raises(InputError, match="nsrr-x2 needs colour, which this"):
        supersampler.step(frame(1, shaded=False))


@pytest.mark.parametrize("cut", [False, True], ids=["stream", "cut"])
def test_the_first_frame_of_a_shot_must_have_a_colour(cut: bool) -> None:
    supersampler = make_stssnet()
    if cut:
        supersampler.step(frame(0))
    with pytest.raises(InputError, match="needs colour in the first frame of a stream and of every shot"):
        supersampler.step(frame(1, shaded=False, cut=cut))


def test_a_refused_frame_changes_nothing() -> None:
    frames = [frame(0), frame(1), frame(2)]
    expected = run(make_stssnet(), frames)
    supersampler = make_stssnet()
    run(supersampler, frames[:2])
    for wrong in (frame(2, normal=None), frame(2, shaded=False, cut=True), frame(2, shaded=False, size=(8, 8))):
        with pytest.raises(InputError):
            supersampler.step(wrong)
    np.testing.assert_array_equal(run(supersampler, frames[2:]), expected)


def test_all_buffers_that_are_missing_are_named() -> None:
    with pytest.raises(InputError, match="stssnet-x2 needs normal, roughness, which this rendered frame does not have"):
        make_stssnet().step(frame(normal=None, roughness=None))


# Light, exposure, jitter


def test_light_comes_back_as_light() -> None:
    light = np.full((HEIGHT, WIDTH, 3), 0.18, np.float32)
    light[:, 30:] = 40.0
    result = run(make_plain(), [frame(0, colour=light, linear=True)])
    np.testing.assert_allclose(result[:, :56], 0.18, rtol=1e-4)
    np.testing.assert_allclose(result[:, 64:], 40.0, rtol=1e-4)


def test_nsrr_is_given_light_brighter_than_white_within_its_range() -> None:
    supersampler = make_nsrr()
    light = 30 * pattern(*np.mgrid[:HEIGHT, :WIDTH]).astype(np.float32)
    result = run(supersampler, [frame(0, colour=light, linear=True)])
    shown = encode_linear(tensor(light))
    brightest = usual_brightest(shown)
    within = run(make_nsrr(), [frame(0, colour=(shown / brightest)[0].permute(1, 2, 0).numpy())])
    expected = decode_linear(torch.from_numpy(within) * brightest)
    assert result.max() > 1, "not cut at white"
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@both
def test_no_light_is_invented_and_none_is_negative(make: Callable[[], Supersampler]) -> None:
    light = (np.random.default_rng(1).random((HEIGHT, WIDTH, 3)) ** 8 * 30).astype(np.float32)
    result = run(make(), [frame(0, colour=light, linear=True)])
    assert result.min() >= 0
    assert result.max() <= light.max() * 1.001


@both
def test_exposure_is_applied_and_undone(make: Callable[[], Supersampler]) -> None:
    light = np.array(frame(0).colour)
    bright = [frame(0, colour=light * 4, linear=True, exposure=0.25), frame(0, colour=light * 4, linear=True, exposure=0.25)]
    plain = [frame(0, colour=light, linear=True), frame(0, colour=light, linear=True)]
    np.testing.assert_allclose(run(make(), bright), 4 * run(make(), plain), atol=1e-4)


@both
def test_the_network_sees_linear_light_as_a_display_would_show_it(make: Callable[[], Supersampler]) -> None:
    light = np.array(frame(0).colour)
    shown = encode_linear(torch.from_numpy(light)).numpy()
    from_light = torch.from_numpy(run(make(), [frame(0, colour=light, linear=True)]))
    from_display = torch.from_numpy(run(make(), [frame(0, colour=shown)]))
    torch.testing.assert_close(encode_linear(from_light), from_display.clamp(0, 1), atol=1e-4, rtol=0)


@both
def test_a_new_exposure_holds_for_the_past_too(make: Callable[[], Supersampler]) -> None:
    adapted = [frame(0, linear=True, exposure=0.5), frame(1, linear=True, exposure=2.0)]
    constant = [frame(0, linear=True, exposure=2.0), frame(1, linear=True, exposure=2.0)]
    # TAAU and NTAAU remember what they showed, which is limited by what was bright then.
    tolerance = 4e-3 if make in (make_taau, make_ntaau) else 1e-4
    np.testing.assert_allclose(run(make(), adapted), run(make(), constant), atol=tolerance)


def test_the_jitter_of_two_frames_is_taken_into_account() -> None:
    past, now = (0.4, -0.25), (-0.45, 0.3)
    result = run(make_plain(), [frame(0, jitter=past), frame(1, jitter=now, shaded=False)])
    expected = run(make_plain(), [frame(1, jitter=now)])
    unaware = run(make_plain(), [replace(frame(0, jitter=past), jitter=now), frame(1, jitter=now, shaded=False)])
    assert abs(inner(result) - inner(expected)).max() < 0.02
    assert abs(inner(unaware) - inner(expected)).max() > 0.06, "the difference matters"


def test_a_jittered_frame_comes_out_where_its_pixels_are() -> None:
    centred = run(make_plain(), [frame(0)])
    jittered = run(make_plain(), [frame(0, jitter=(0.4, -0.3))])
    shown = wall(0, (HEIGHT, WIDTH))
    assert psnr(inner(jittered), inner(shown)) > psnr(inner(centred), inner(shown)) - 1


def test_a_distance_may_stand_for_the_farthest_depth() -> None:
    near = make_stssnet()
    network = near.network
    far = Supersampler(Model(network, near.info), device="cpu", far=1000.0)
    assert abs(run(near, [frame(0)]) - run(far, [frame(0)])).max() > 1e-4


# Models and devices


def test_a_network_for_images_is_refused() -> None:
    with pytest.raises(InputError, match="bicubic-x2: upscales images"):
        Supersampler("bicubic-x2")


def test_half_precision_is_refused_on_a_cpu() -> None:
    network = STSSNet()
    with pytest.raises(DeviceError, match="slower"):
        Supersampler(Model(network, network.info), device="cpu", precision="fp16")
