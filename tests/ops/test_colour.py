"""Video planes to RGB and back: known codes, an independent computation, exact round trips, chroma that stays where it is."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.chroma import ChromaLocation
from upframe.ops.colour import Matrix, planes_to_rgb, rgb_to_planes
from upframe.ops.resize import upscale

LOCATIONS = get_args(ChromaLocation)
MATRICES: tuple[Matrix, ...] = ("bt601", "bt709", "bt2020", "smpte240m", "fcc")
SUBSAMPLINGS = {"4:2:0": (2, 2), "4:2:2": (1, 2), "4:4:0": (2, 1), "4:4:4": (1, 1)}
OFFSETS = {  # of a chroma sample from the first luma sample of its pair, (y, x), in luma samples
    "left": (0.5, 0.0),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
    "top": (0.0, 0.5),
    "bottomleft": (1.0, 0.0),
    "bottom": (1.0, 0.5),
}
SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (4, 6), (5, 4), (48, 64)]
KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
KR_KB |= {"smpte240m": (0.212, 0.087), "fcc": (0.30, 0.11)}


def chroma_size(size: tuple[int, int], subsampling: tuple[int, int]) -> tuple[int, int]:
    return (-(-size[0] // subsampling[0]), -(-size[1] // subsampling[1]))


def as_stored(codes: NDArray[Any], depth: int) -> Tensor:
    """Integer codes as a decoder hands them over: uint8, or uint16 above 8 bits."""
    return torch.from_numpy(np.ascontiguousarray(codes).astype(np.uint8 if depth == 8 else np.uint16))


def noise(size: tuple[int, int], subsampling: tuple[int, int], depth: int) -> list[Tensor]:
    """Three planes that hold every code there is, at random."""
    random = np.random.default_rng(depth + 100 * size[0] + size[1])
    sizes = (size, chroma_size(size, subsampling), chroma_size(size, subsampling))
    return [as_stored(random.integers(0, 2**depth, plane), depth) for plane in sizes]


def colour_bars(level: float, subsampling: tuple[int, int]) -> list[Tensor]:
    """The eight bars of 75 % or 100 %, 64x48, 8 bit, limited BT.709, sharp edges in every plane."""
    bars = [level * np.array(rgb, dtype=np.float64) for rgb in itertools.product((1, 0), repeat=3)]
    codes = np.stack([yuv_codes(bar, "bt709", False, 8) for bar in bars], axis=-1)
    planes = [np.tile(np.repeat(row, 8), (48, 1)) for row in codes]
    sub_y, sub_x = subsampling
    return [as_stored(plane, 8) for plane in (planes[0], planes[1][::sub_y, ::sub_x], planes[2][::sub_y, ::sub_x])]


def rgb_values(codes: NDArray[Any], matrix: str, full_range: bool, depth: int) -> NDArray[np.float64]:
    """H.273 in closed form and double precision: Y, U, V codes along the first axis to R, G, B."""
    kr, kb = KR_KB[matrix]
    step = 2.0 ** (depth - 8)
    black, luma_steps, chroma_steps = (0, 2**depth - 1, 2**depth - 1) if full_range else (16 * step, 219 * step, 224 * step)
    y, u, v = codes.astype(np.float64)
    y, u, v = (y - black) / luma_steps, (u - 128 * step) / chroma_steps, (v - 128 * step) / chroma_steps
    forward = np.array(
        [
            [kr, 1 - kr - kb, kb],
            [-kr / (2 * (1 - kb)), -(1 - kr - kb) / (2 * (1 - kb)), 0.5],
            [0.5, -(1 - kr - kb) / (2 * (1 - kr)), -kb / (2 * (1 - kr))],
        ]
    )
    rgb: NDArray[np.float64] = np.tensordot(np.linalg.inv(forward), np.stack([y, u, v]), axes=1)
    return rgb


def yuv_codes(rgb: NDArray[np.float64], matrix: str, full_range: bool, depth: int) -> NDArray[np.int64]:
    """H.273 in closed form and double precision: R, G, B along the first axis to Y, U, V codes."""
    kr, kb = KR_KB[matrix]
    step = 2.0 ** (depth - 8)
    black, luma_steps, chroma_steps = (0, 2**depth - 1, 2**depth - 1) if full_range else (16 * step, 219 * step, 224 * step)
    red, green, blue = rgb
    y = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    codes = np.stack([black + luma_steps * y, 128 * step + chroma_steps * u, 128 * step + chroma_steps * v])
    return np.clip(np.floor(codes + 0.5), 0, 2**depth - 1).astype(np.int64)


def assert_same_codes(result: tuple[Tensor, ...], planes: list[Tensor]) -> None:
    assert len(result) == len(planes)
    for returned, plane in zip(result, planes, strict=True):
        assert returned.dtype is plane.dtype
        np.testing.assert_array_equal(returned.numpy(), plane.numpy())


# Known codes ---------------------------------------------------------------------------------------------------------------

BT709_LIMITED = {
    "white": ((1, 1, 1), (235, 128, 128)),
    "black": ((0, 0, 0), (16, 128, 128)),
    "red": ((1, 0, 0), (63, 102, 240)),
    "green": ((0, 1, 0), (173, 42, 26)),
    "blue": ((0, 0, 1), (32, 240, 118)),
    "yellow": ((1, 1, 0), (219, 16, 138)),
    "cyan": ((0, 1, 1), (188, 154, 16)),
    "magenta": ((1, 0, 1), (78, 214, 230)),
}
BT601_FULL = {"red": ((1, 0, 0), (76, 85, 255)), "green": ((0, 1, 0), (150, 44, 21)), "blue": ((0, 0, 1), (29, 255, 107))}


@pytest.mark.parametrize("colour", BT709_LIMITED)
def test_hd_video_has_the_codes_of_bt709(colour: str) -> None:
    rgb, codes = BT709_LIMITED[colour]
    image = torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1)
    planes = rgb_to_planes(image, matrix="bt709", full_range=False, depth=8)
    assert tuple(int(plane) for plane in planes) == codes


@pytest.mark.parametrize("colour", BT601_FULL)
def test_photographs_have_the_codes_of_jfif(colour: str) -> None:
    rgb, codes = BT601_FULL[colour]
    image = torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1)
    planes = rgb_to_planes(image, matrix="bt601", full_range=True, depth=8)
    assert tuple(int(plane) for plane in planes) == codes


@pytest.mark.parametrize(("depth", "codes"), [(10, (940, 512, 512)), (12, (3760, 2048, 2048)), (16, (60160, 32768, 32768))])
def test_white_of_a_deeper_clip_is_shifted_not_stretched(depth: int, codes: tuple[int, int, int]) -> None:
    planes = rgb_to_planes(torch.ones(1, 3, 1, 1), matrix="bt2020", full_range=False, depth=depth)
    assert tuple(int(plane.numpy().item()) for plane in planes) == codes


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", MATRICES)
def test_conversion_equals_the_recommendations(matrix: Matrix, full_range: bool, depth: int) -> None:
    planes = noise((48, 64), (1, 1), depth)
    rgb = planes_to_rgb(planes, matrix=matrix, full_range=full_range, depth=depth)
    expected = rgb_values(np.stack([plane.numpy() for plane in planes]), matrix, full_range, depth)
    np.testing.assert_allclose(rgb[0].numpy(), expected, rtol=0, atol=2e-6)

    image = np.random.default_rng(0).uniform(-0.1, 1.1, (3, 48, 64)).astype(np.float32)
    codes = rgb_to_planes(torch.from_numpy(image)[None], matrix=matrix, full_range=full_range, depth=depth)
    wanted = yuv_codes(image.astype(np.float64), matrix, full_range, depth)
    difference = np.abs(np.stack([plane.numpy().astype(np.int64) for plane in codes]) - wanted)
    assert difference.max() <= (0 if depth == 8 else 1)  # float32 decides a tie differently now and then
    assert (difference > 0).mean() < (0.01 if depth == 16 else 0.001)


# Round trips ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("layout", SUBSAMPLINGS)
def test_every_code_comes_back_even_from_noise(layout: str, location: ChromaLocation, size: tuple[int, int]) -> None:
    for depth, full_range in itertools.product((8, 10, 12), (False, True)):
        planes = noise(size, SUBSAMPLINGS[layout], depth)
        for matrix in MATRICES:
            rgb = planes_to_rgb(
                planes,
                matrix=matrix,
                full_range=full_range,
                depth=depth,
                chroma_location=location,
                subsampling=SUBSAMPLINGS[layout],
            )
            assert rgb.shape == (1, 3, *size)
            assert rgb.dtype is torch.float32
            returned = rgb_to_planes(
                rgb,
                matrix=matrix,
                full_range=full_range,
                depth=depth,
                chroma_location=location,
                subsampling=SUBSAMPLINGS[layout],
            )
            assert_same_codes(returned, planes)


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("layout", SUBSAMPLINGS)
@pytest.mark.parametrize("level", [0.75, 1.0])
def test_colour_bars_come_back_exactly(level: float, layout: str, location: ChromaLocation) -> None:
    subsampling = SUBSAMPLINGS[layout]
    planes = colour_bars(level, subsampling)
    rgb = planes_to_rgb(planes, matrix="bt709", full_range=False, depth=8, chroma_location=location, subsampling=subsampling)
    assert_same_codes(
        rgb_to_planes(rgb, matrix="bt709", full_range=False, depth=8, chroma_location=location, subsampling=subsampling),
        planes,
    )


@pytest.mark.parametrize("depth", range(8, 17))
@pytest.mark.parametrize("full_range", [False, True])
def test_a_ramp_over_all_codes_comes_back_at_every_depth(depth: int, full_range: bool) -> None:
    count = min(2**depth, 4096)
    ramp = np.linspace(0, 2**depth - 1, count).round()[None]
    planes = [as_stored(ramp, depth), as_stored(ramp[:, ::2], depth), as_stored(ramp[:, ::-2], depth)]
    rgb = planes_to_rgb(planes, matrix="bt2020", full_range=full_range, depth=depth, subsampling=(1, 2))
    assert_same_codes(rgb_to_planes(rgb, matrix="bt2020", full_range=full_range, depth=depth, subsampling=(1, 2)), planes)


@pytest.mark.parametrize("code", [0, 16, 126, 235, 255])
def test_an_even_grey_is_neutral_and_comes_back(code: int) -> None:
    planes = [as_stored(np.full((5, 7), code), 8), *(as_stored(np.full((3, 4), 128), 8) for _ in "uv")]
    rgb = planes_to_rgb(planes, matrix="bt601", full_range=False, depth=8, subsampling=(2, 2))
    torch.testing.assert_close(rgb, torch.full((1, 3, 5, 7), (code - 16) / 219), rtol=0, atol=1e-6)
    assert_same_codes(rgb_to_planes(rgb, matrix="bt601", full_range=False, depth=8, subsampling=(2, 2)), planes)


@pytest.mark.parametrize("depth", [8, 10, 16])
@pytest.mark.parametrize("full_range", [False, True])
def test_rgb_clips_store_green_blue_red(full_range: bool, depth: int) -> None:
    planes = noise((3, 5), (1, 1), depth)
    rgb = planes_to_rgb(planes, matrix="rgb", full_range=full_range, depth=depth)
    black, steps = (0, 2**depth - 1) if full_range else (2 ** (depth - 4), 219 * 2 ** (depth - 8))
    for channel, plane in zip((1, 2, 0), planes, strict=True):
        expected = (plane.numpy().astype(np.float64) - black) / steps
        np.testing.assert_allclose(rgb[0, channel].numpy(), expected, rtol=0, atol=1e-6)
    assert_same_codes(rgb_to_planes(rgb, matrix="rgb", full_range=full_range, depth=depth), planes)


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_a_grey_clip_becomes_three_equal_channels_and_one_plane_again(depth: int) -> None:
    plane = noise((3, 5), (1, 1), depth)[0]
    rgb = planes_to_rgb([plane], matrix="grey", full_range=False, depth=depth)
    assert torch.equal(rgb[:, 0], rgb[:, 1])
    assert torch.equal(rgb[:, 0], rgb[:, 2])
    assert_same_codes(rgb_to_planes(rgb, matrix="grey", full_range=False, depth=depth), [plane])


def test_values_beyond_the_codes_are_clipped_and_head_and_footroom_is_kept() -> None:
    image = torch.tensor([-9.0, -0.05, 1.05, 9.0]).expand(1, 3, 1, 4)
    luma = rgb_to_planes(image, matrix="bt709", full_range=False, depth=8)[0]
    assert luma.tolist() == [[0, 5, 246, 255]]


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32])
def test_other_integer_types_are_read_alike(dtype: torch.dtype) -> None:
    for depth in (10, 16):
        planes = noise((4, 4), (1, 1), depth)
        others = [torch.from_numpy(plane.numpy().astype(np.int32)).to(dtype) for plane in planes]
        expected = planes_to_rgb(planes, matrix="bt709", full_range=True, depth=depth)
        assert torch.equal(planes_to_rgb(others, matrix="bt709", full_range=True, depth=depth), expected)


def test_planes_with_padded_rows_are_read_and_left_alone() -> None:
    padded = [as_stored(np.random.default_rng(0).integers(0, 1024, (6, 16)), 10) for _ in "yuv"]
    before = [plane.numpy().copy() for plane in padded]
    views = [plane[:, :9] for plane in padded]
    dense = [as_stored(view.numpy(), 10) for view in views]
    rgb = planes_to_rgb(views, matrix="bt709", full_range=False, depth=10)
    assert torch.equal(rgb, planes_to_rgb(dense, matrix="bt709", full_range=False, depth=10))
    for plane, kept in zip(padded, before, strict=True):
        np.testing.assert_array_equal(plane.numpy(), kept)


@pytest.mark.parametrize("matrix", ["bt709", "rgb", "grey"])
def test_the_image_given_is_not_changed(matrix: Matrix) -> None:
    image = torch.rand(1, 3, 5, 6)
    before = image.clone()
    rgb_to_planes(image, matrix=matrix, full_range=True, depth=8, subsampling=(2, 2))
    assert torch.equal(image, before)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("matrix", ["bt709", "rgb", "grey"])
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_the_planes_are_ready_for_numpy_whatever_the_layout_of_the_image(
    depth: int, matrix: Matrix, layout: torch.memory_format
) -> None:
    image = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    for subsampling in SUBSAMPLINGS.values():
        expected = rgb_to_planes(image, matrix=matrix, full_range=True, depth=depth, subsampling=subsampling)
        laid_out = image.contiguous(memory_format=layout)
        planes = rgb_to_planes(laid_out, matrix=matrix, full_range=True, depth=depth, subsampling=subsampling)
        assert_same_codes(planes, list(expected))
        for plane in planes:
            assert plane.is_contiguous()
            assert plane.numpy().ctypes.data == plane.data_ptr()


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="this machine has no accelerator")
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_an_accelerator_gives_the_codes_back_too(depth: int) -> None:
    device = torch.accelerator.current_accelerator()
    for location in LOCATIONS:
        planes = noise((49, 63), (2, 2), depth)
        how: dict[str, Any] = {"matrix": "bt709", "full_range": False, "depth": depth}
        how |= {"chroma_location": location, "subsampling": (2, 2)}
        rgb = planes_to_rgb([plane.to(device) for plane in planes], **how)
        torch.testing.assert_close(rgb.cpu(), planes_to_rgb(planes, **how), rtol=0, atol=2e-6)
        assert_same_codes(tuple(plane.cpu() for plane in rgb_to_planes(rgb, **how)), planes)


# Chroma --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("location", LOCATIONS)
def test_colour_stays_on_its_object_when_a_clip_is_upscaled(location: ChromaLocation, scale: int) -> None:
    """A smooth edge in luma and chroma alike; its middle is found again in each plane, to a tenth of a pixel."""

    def edge(size: int, middle: float, width: float, offset: float, step: int) -> NDArray[np.float64]:
        centres = np.arange(0, size, step) + offset + 0.5
        return np.asarray(np.tanh((centres - middle) / width))

    def middle_of(profile: NDArray[np.float64], offset: float, step: int) -> float:
        k = int(np.argmax(profile > 0))
        return float(step * (k - profile[k] / (profile[k] - profile[k - 1])) + offset + 0.5)

    size, middle = 64, 30.7
    for axis in (0, 1):
        offset = OFFSETS[location][axis]
        luma = np.broadcast_to(edge(size, middle, 4, 0, 1), (size, size))
        chroma = np.broadcast_to(edge(size, middle, 4, offset, 2), (size // 2, size // 2))
        curves = (luma.T, chroma.T) if axis == 0 else (luma, chroma)
        stored = [as_stored(2048 + np.rint(curve * 1200), 12) for curve in (curves[0], curves[1], -curves[1])]
        rgb = planes_to_rgb(stored, matrix="bt709", full_range=False, depth=12, chroma_location=location, subsampling=(2, 2))
        planes = rgb_to_planes(
            upscale(rgb, scale), matrix="bt709", full_range=False, depth=12, chroma_location=location, subsampling=(2, 2)
        )
        y, u, v = (plane.numpy().astype(np.float64).mean(axis=1 - axis) - 2048 for plane in planes)
        assert middle_of(y, 0, 1) == pytest.approx(scale * middle, abs=0.1)
        assert middle_of(u, offset, 2) == pytest.approx(scale * middle, abs=0.1)
        assert middle_of(-v, offset, 2) == pytest.approx(scale * middle, abs=0.1)


# What is refused -----------------------------------------------------------------------------------------------------------


def zeros(*sizes: tuple[int, int], dtype: torch.dtype = torch.uint8) -> list[Tensor]:
    return [torch.zeros(size, dtype=dtype) for size in sizes]


REFUSED_PLANES: dict[str, tuple[list[Tensor], dict[str, Any], str]] = {
    "4:1:1": (zeros((4, 8), (4, 2), (4, 2)), {"subsampling": (1, 4)}, "4:4:4, 4:2:2, 4:4:0 and 4:2:0 are"),
    "a chroma plane rounded down": (zeros((5, 5), (2, 2), (2, 2)), {"subsampling": (2, 2)}, r"\(2, 2\) does not fit"),
    "two planes": (zeros((4, 4), (4, 4)), {}, "2 planes given: bt709 has 3"),
    "three planes of grey": (zeros((4, 4), (4, 4), (4, 4)), {"matrix": "grey"}, "3 planes given: grey has 1"),
    "an empty plane": (zeros((0, 4), (0, 4), (0, 4)), {}, "not empty"),
    "floats": (zeros((4, 4), (4, 4), (4, 4), dtype=torch.float32), {}, "hold integers"),
    "10 bits in 8": (zeros((4, 4), (4, 4), (4, 4)), {"depth": 10}, "do not fit uint8"),
    "17 bits": (zeros((4, 4), (4, 4), (4, 4), dtype=torch.int32), {"depth": 17}, "8 to 16 are"),
    "an unknown matrix": (zeros((4, 4), (4, 4), (4, 4)), {"matrix": "ycgco"}, "not one of bt601, bt709"),
    "an unknown location": (zeros((4, 4), (2, 2), (2, 2)), {"subsampling": (2, 2), "chroma_location": "right"}, "left, center"),
}


@pytest.mark.parametrize("case", REFUSED_PLANES)
def test_planes_that_are_not_supported_are_refused_by_name(case: str) -> None:
    planes, changes, words = REFUSED_PLANES[case]
    how: dict[str, Any] = {"matrix": "bt709", "full_range": False, "depth": 8} | changes
    with pytest.raises(ShapeError, match=words):
        planes_to_rgb(planes, **how)


@pytest.mark.parametrize(
    ("image", "changes", "words"),
    [
        (torch.zeros(2, 3, 4, 4), {}, r"an image is \(1, 3, h, w\)"),
        (torch.zeros(3, 4, 4), {}, r"an image is \(1, 3, h, w\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), {}, "floating point"),
        (torch.zeros(1, 3, 4, 4), {"matrix": "ycgco"}, "not one of bt601, bt709"),
        (torch.zeros(1, 3, 4, 4), {"subsampling": (4, 4)}, "4:4:4, 4:2:2, 4:4:0 and 4:2:0 are"),
        (torch.zeros(1, 3, 4, 4), {"depth": 7}, "8 to 16 are"),
    ],
)
def test_images_that_cannot_become_planes_are_refused(image: Tensor, changes: dict[str, Any], words: str) -> None:
    how: dict[str, Any] = {"matrix": "bt709", "full_range": False, "depth": 8} | changes
    with pytest.raises(ShapeError, match=words):
        rgb_to_planes(image, **how)
