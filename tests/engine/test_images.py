"""Whatever is handed in as an image: upscaled as what it is, or refused by one line that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageCms

from upframe import Upscaler
from upframe.errors import InputError, UpframeError

RAMP = np.linspace(0, 1, 12 * 10, dtype=np.float32).reshape(10, 12)


@pytest.fixture(scope="module")
def bicubic() -> Upscaler:
    return Upscaler("bicubic-x2")


def colours() -> PIL.Image.Image:
    return PIL.Image.fromarray(np.random.default_rng(1).integers(0, 256, (10, 12, 3), dtype=np.uint8))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bit_pil_images_keep_their_values(bicubic: Upscaler, mode: str) -> None:
    codes = (RAMP * 65535).astype(np.uint16)
    stored = {"I;16": codes, "I;16B": codes.astype(">u2"), "I": codes.astype(np.int32)}[mode]
    image = PIL.Image.frombuffer(mode, (12, 10), stored.tobytes(), "raw", mode, 0, 1)
    result = bicubic.upscale(image)
    assert result.mode in ("I", "I;16")
    assert result.mode == "I" or mode != "I"
    np.testing.assert_array_equal(np.asarray(result), bicubic.upscale(codes))


def test_float_pil_images_keep_their_values(bicubic: Upscaler) -> None:
    result = bicubic.upscale(PIL.Image.fromarray(RAMP * 300))
    assert result.mode == "F"
    np.testing.assert_allclose(np.asarray(result), bicubic.upscale(RAMP * 300), rtol=1e-6)


@pytest.mark.parametrize(("mode", "straight"), [("RGBa", "RGBA"), ("La", "LA")])
def test_pil_images_of_multiplied_colour_keep_colour_and_alpha(bicubic: Upscaler, mode: str, straight: str) -> None:
    image = PIL.Image.new("RGBA", (12, 10), (200, 100, 50, 128)).convert(straight)
    result = bicubic.upscale(image.convert("RGBa" if mode == "RGBa" else "La"))
    assert result.mode == mode
    expected = np.asarray(bicubic.upscale(image)).astype(int)
    assert abs(np.asarray(result.convert(straight)).astype(int) - expected).max() <= 2


def test_palettes_with_transparency_keep_it(bicubic: Upscaler) -> None:
    image = colours().quantize(16)
    image.info["transparency"] = 3
    np.testing.assert_array_equal(np.asarray(bicubic.upscale(image)), np.asarray(bicubic.upscale(image.convert("RGBA"))))


@pytest.mark.parametrize(("mode", "result"), [("L", "LA"), ("RGB", "RGBA")])
def test_a_colour_that_stands_for_nothing_becomes_alpha(bicubic: Upscaler, mode: str, result: str) -> None:
    image = PIL.Image.new(mode, (8, 8), 7 if mode == "L" else (7, 7, 7))
    image.info["transparency"] = 7 if mode == "L" else (7, 7, 7)
    found = bicubic.upscale(image)
    assert found.mode == result
    assert np.asarray(found)[..., -1].max() == 0


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr", "HSV", "RGBX"])
def test_other_pil_modes_show_the_same_colours(bicubic: Upscaler, mode: str) -> None:
    image = colours().convert(mode)
    expected = np.asarray(bicubic.upscale(image.convert("L" if mode == "1" else "RGB"))).astype(int)
    assert abs(np.asarray(bicubic.upscale(image)).astype(int) - expected).max() <= 1


def test_what_a_pil_image_says_beside_its_pixels_is_kept(bicubic: Upscaler) -> None:
    image = colours()
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert bicubic.upscale(image).info["icc_profile"] == image.info["icc_profile"]


@pytest.mark.parametrize(
    ("image", "named"),
    [
        (PIL.Image.new("LAB", (8, 8)), "LAB"),
        (PIL.Image.fromarray(np.full((4, 4), 70_000, np.int32)), "mode I"),
        ([[1, 2], [3, 4]], "list"),
        ("image.png", "str"),
        (None, "NoneType"),
        (torch.zeros(3, 8, 8), "torch.Tensor"),
        (np.zeros((2, 2)).view(np.matrix), "matrix"),
        (np.ma.masked_array(np.zeros((4, 4), np.uint8), np.ones((4, 4), bool)), "filled"),
        (np.zeros((4, 4, 3), bool), "bool"),
        (np.zeros((4, 4, 3), complex), "complex"),
        (np.zeros((4, 4, 3), object), "object"),
        (np.zeros((4, 4, 3), np.int32), "int32"),
        (np.zeros((4, 4), [("r", "u1")]), "'r'"),
        (np.array(["a"]), "U1"),
        (np.zeros((4,), np.uint8), "(4,)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "(2, 4, 4, 3)"),
        (np.zeros((4, 4, 0), np.uint8), "(4, 4, 0)"),
        (PIL.Image.new("RGB", (0, 5)), "(5, 0, 3)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_an_image_is_named(bicubic: Upscaler, image: Any, named: str) -> None:
    with pytest.raises(InputError) as refused:
        bicubic.upscale(image)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError):
        list(Upscaler("frvsr-lite-x2").stream([image]))


@pytest.mark.parametrize("kind", ["big-endian", "read-only", "reversed", "transposed", "memmap", "float64", "float16"])
def test_arrays_of_every_making_give_the_same_result(bicubic: Upscaler, tmp_path: Any, kind: str) -> None:
    codes = np.random.default_rng(3).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    given: Any = codes
    if kind == "big-endian":
        given = codes.astype(">u2")
    elif kind == "read-only":
        given = codes.copy()
        given.setflags(write=False)
    elif kind == "reversed":
        given = codes[::-1, ::-1].copy()[::-1, ::-1]
    elif kind == "transposed":
        given = np.ascontiguousarray(codes.transpose(2, 1, 0)).transpose(2, 1, 0)
    elif kind == "memmap":
        codes.tofile(tmp_path / "samples")
        given = np.memmap(tmp_path / "samples", np.uint16, "r", shape=codes.shape)
    elif kind.startswith("float"):
        codes = (codes / 65535).astype(np.float16).astype(np.float32)
        given = codes.astype(kind)
    result = bicubic.upscale(given)
    assert type(result) is np.ndarray
    assert result.dtype == codes.dtype
    np.testing.assert_array_equal(result, bicubic.upscale(codes))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 60000.0, -5.0])
@pytest.mark.parametrize("model", ["rt4ksr-x2", "bicubic-x2", "frvsr-lite-x2"])
@pytest.mark.parametrize("linear", [False, True])
def test_a_bad_sample_stays_local(model: str, bad: float, linear: bool) -> None:
    upscaler = Upscaler(model)
    clean = np.random.default_rng(5).random((64, 72, 3), dtype=np.float32) ** 2
    clean[40:, 40:] *= 1.5
    broken = clean.copy()
    broken[12, 12, 1] = bad
    expected, found = (upscaler.upscale_layers(image, None, linear=linear)[0] for image in (clean, broken))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[80:], expected[80:], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[:, 80:], expected[:, 80:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_bad_sample_of_alpha_stays_local(bicubic: Upscaler, bad: float) -> None:
    clean = np.full((16, 16, 4), 0.5, np.float32)
    broken = clean.copy()
    broken[3, 3, 3] = bad
    found = bicubic.upscale(broken)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[14:], bicubic.upscale(clean)[14:], atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, 1e30])
def test_a_running_network_forgets_a_bad_sample(bad: float) -> None:
    frames = [np.full((24, 24, 3), 0.4, np.float32) for _ in range(9)]
    expected = list(Upscaler("frvsr-lite-x2").stream(frames, cuts="off"))
    frames[2] = frames[2].copy()
    frames[2][10, 10] = bad
    found = list(Upscaler("frvsr-lite-x2").stream(frames, cuts="off"))
    assert all(np.isfinite(frame).all() for frame in found)
    assert abs(found[8] - expected[8]).max() < 0.01


def test_bad_samples_are_told(bicubic: Upscaler) -> None:
    notes: list[str] = []
    image = np.full((4, 4, 3), np.nan, np.float32)
    assert (Upscaler("bicubic-x2", on_note=notes.append).upscale(image) == 0).all()
    assert "48 samples" in notes[0]


def test_sizes_that_make_no_sense_are_refused(bicubic: Upscaler) -> None:
    for scale in (0, -1, float("nan"), 1000):
        with pytest.raises(UpframeError):
            Upscaler("bicubic-x2", scale=scale)
