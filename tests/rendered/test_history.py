"""The past moved to the present, on scenes whose answer is known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from tests.reference.unpack import Reference
from torch import Tensor

from upframe.errors import InputError, ShapeError
from upframe.ops.warp import warp
from upframe.rendered.history import (
    FAINT,
    NSRRHistory,
    STSSNetHistory,
    STSSNetInputs,
    accumulate_motion,
    forward_motion,
    normalised_depth,
    occlusion_motion,
    seen_before,
)

HEIGHT, WIDTH = 48, 64
BACKGROUND, NEAR = 10.0, 2.0


def grid() -> tuple[Tensor, Tensor]:
    """x and y of the pixels, (h, w) each; whole numbers, as differences are all that matters."""
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    return x, y


def texture(x: Tensor, y: Tensor) -> Tensor:
    """A smooth pattern without end at places (h, w): (1, 3, h, w) in [0, 1], no wave shorter than 14 pixels."""
    waves = [(0.11, 0.23, 0.3), (0.31, -0.17, 1.1), (-0.07, 0.42, 2.0)]
    return torch.stack([0.5 + 0.25 * (torch.sin(a * x + b * y + c) + torch.sin(b * x - a * y)) for a, b, c in waves])[None]


def uniform(x: float, y: float) -> Tensor:
    return torch.tensor([float(x), float(y)]).view(1, 2, 1, 1).repeat(1, 1, HEIGHT, WIDTH)


def psnr(image: Tensor, reference: Tensor, where: Tensor) -> float:
    error = ((image - reference) ** 2).mean(dim=1, keepdim=True)[where]
    return -10 * math.log10(float(error.mean()) + 1e-12)


def square(left: int, *, top: int = 16, side: int = 12, depth: float = NEAR) -> tuple[Tensor, Tensor]:
    """A square before the background: where it is (1, 1, h, w) bool, and the depth."""
    inside = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    inside[..., top : top + side, left : left + side] = True
    return inside, torch.where(inside, depth, BACKGROUND)


def seen(motion: Tensor, depth: Tensor, previous: Tensor) -> Tensor:
    return seen_before(motion, depth, previous) > 0


def came_from_inside(motion: Tensor) -> Tensor:
    x, y = (axis + motion[:, i] for i, axis in enumerate(grid()))
    return ((x >= -FAINT) & (x <= WIDTH - 1 + FAINT) & (y >= -FAINT) & (y <= HEIGHT - 1 + FAINT))[:, None]


# A plane that moves, a camera that turns


@pytest.mark.parametrize("shift", [(3.0, -2.0), (-0.37, 0.61), (5.25, 0.5)], ids=str)
def test_a_plane_that_moves_is_found_again(shift: tuple[float, float]) -> None:
    x, y = grid()
    motion = uniform(-shift[0], -shift[1])
    previous, current = texture(x, y), texture(x - shift[0], y - shift[1])
    depth = torch.full((1, 1, HEIGHT, WIDTH), BACKGROUND)
    visible = seen(motion, depth, depth)
    assert torch.equal(visible, came_from_inside(motion))
    assert psnr(warp(previous, motion, padding="zeros"), current, visible) > 48


def test_motion_of_a_plane_adds_up() -> None:
    shifts = [(0.0, 0.0), (1.5, -0.25), (-0.75, 2.0), (3.0, 0.5)]  # current to previous, oldest first
    displacement = accumulate_motion(torch.stack([uniform(*shift) for shift in shifts], dim=1))
    for index in range(4):
        expected = [sum(shift[axis] for shift in shifts[index + 1 :]) for axis in range(2)]
        torch.testing.assert_close(displacement[:, index], uniform(*expected), atol=1e-4, rtol=0)


def turned(times: int) -> tuple[Tensor, Tensor]:
    """Where the first of several frames has what is in each pixel of the last; between two frames the camera turns alike."""
    focal, yaw, roll = 60.0, 0.03, 0.02
    about_y = torch.tensor([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_z = torch.tensor([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    x, y = grid()
    rays = torch.stack(((x - WIDTH / 2) / focal, (y - HEIGHT / 2) / focal, torch.ones_like(x)), dim=-1).double()
    x, y, z = (rays @ torch.linalg.matrix_power((about_y @ about_z).double(), times).T).unbind(-1)
    return (focal * x / z + WIDTH / 2).float(), (focal * y / z + HEIGHT / 2).float()


def turning_motion(times: int = 1) -> Tensor:
    return (torch.stack(turned(times)) - torch.stack(grid()))[None]


def test_a_camera_that_turns_finds_the_far_background_again() -> None:
    motion = turning_motion()
    assert motion.diff(dim=-1).abs().max() > 0.02, "no plain shift"
    sky = torch.full((1, 1, HEIGHT, WIDTH), torch.inf)
    visible = seen(motion, sky, sky)
    assert torch.equal(visible, came_from_inside(motion))
    previous, current = texture(*grid()), texture(*turned(1))
    assert psnr(warp(previous, motion, padding="zeros"), current, visible) > 48


def test_motion_of_a_camera_that_turns_adds_up() -> None:
    displacement = accumulate_motion(turning_motion()[:, None].expand(-1, 5, -1, -1, -1))
    for back in range(1, 5):
        expected = turning_motion(back)
        inside = came_from_inside(turning_motion(back - 1)) & came_from_inside(expected)
        error = (displacement[:, 4 - back] - expected).abs().amax(dim=1, keepdim=True)
        assert error[inside].max() < 2e-3, back


def test_accumulated_motion_leads_through_several_frames() -> None:
    x, y = grid()
    shift = (1.3, -0.4)
    frames = [texture(x - time * shift[0], y - time * shift[1]) for time in range(5)]
    displacement = accumulate_motion(uniform(-shift[0], -shift[1])[:, None].expand(-1, 5, -1, -1, -1))
    for index, frame in enumerate(frames):
        moved = warp(frame, displacement[:, index], padding="zeros")
        assert psnr(moved, frames[-1], came_from_inside(displacement[:, index])) > 45


def test_the_published_sum_of_motion_is_reproduced(reference: Reference) -> None:
    golden = reference.tensors("nsrr/golden.safetensors")
    # Blender's vector pass: previous less current, y up; the files hold Y before X.
    motions = torch.stack((golden["raw_motion"][..., 1], -golden["raw_motion"][..., 0]), dim=1)[None]
    published = accumulate_motion(motions, published=True)
    torch.testing.assert_close(published, golden["accumulated_motion"], atol=2e-4, rtol=0)
    # The last two are right in it; those before lack steps.
    ours = accumulate_motion(motions)
    assert torch.equal(ours[:, 3:], published[:, 3:])
    assert (ours[:, :3] - published[:, :3]).abs().max() > 1


def test_motions_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(n, frames, 2, h, w\)"):
        accumulate_motion(torch.zeros(1, 5, 3, 4, 4))


# Holes


@pytest.mark.parametrize("step", [1, 4, -7])
@pytest.mark.parametrize("pan", [(0, 0), (2, 0), (-3, 5)], ids=str)
def test_a_square_that_moves_leaves_a_hole_exactly_where_it_was(step: int, pan: tuple[int, int]) -> None:
    inside, depth = square(26)
    before, previous = square(26 - step)
    motion = torch.where(inside, uniform(-step, 0), uniform(*pan))
    # Seen from the current frame: what is on the square's old place, and is not the square.
    uncovered = warp(before.float(), uniform(*pan), padding="zeros", interpolation="nearest").bool() & ~inside
    assert torch.equal(seen(motion, depth, previous), came_from_inside(motion) & ~uncovered)


def test_between_pixels_the_hole_is_at_most_a_pixel_wider() -> None:
    inside, depth = square(26)
    _, previous = square(22)
    motion = torch.where(inside, uniform(-4.4, 0.3), uniform(0.5, 0.25))
    hole = ~seen(motion, depth, previous) & came_from_inside(motion)
    uncovered, _ = square(22, side=12)
    uncovered &= ~inside
    near = torch.nn.functional.max_pool2d((uncovered | inside).float(), 3, stride=1, padding=1) > 0
    sure = uncovered & ~(torch.nn.functional.max_pool2d((~uncovered).float(), 3, stride=1, padding=1) > 0)
    assert hole[sure].all()
    assert not hole[~near].any()
    assert not hole[torch.nn.functional.max_pool2d((~inside).float(), 5, stride=1, padding=2) == 0].any(), "inside the square"


def test_a_hole_is_found_by_motion_alone_where_depths_are_equal() -> None:
    inside, depth = square(26, depth=BACKGROUND * 0.999)
    before, previous = square(20, depth=BACKGROUND * 0.999)
    motion = torch.where(inside, uniform(-6, 0), uniform(0, 0))
    assert torch.equal(~seen(motion, depth, previous), before & ~inside)


def test_a_hole_is_found_by_depth_alone_where_what_hid_it_is_gone() -> None:
    before, previous = square(20)
    depth = torch.full_like(previous, BACKGROUND)
    assert torch.equal(~seen(uniform(0, 0), depth, previous), before)


def test_a_wire_leaves_a_hole_as_thin_as_it_is() -> None:
    inside, depth = square(30, top=0, side=1)
    inside = inside[..., :1, :].expand_as(inside)
    depth = torch.where(inside, NEAR, BACKGROUND)
    motion = torch.where(inside, uniform(-2, 0), uniform(0, 0))
    hole = ~seen(motion, depth, warp(depth, uniform(2, 0), padding="border"))
    assert set(hole.nonzero()[:, 3].tolist()) == {28}


def test_a_wire_that_was_not_there_is_new() -> None:
    inside = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    inside[..., 30] = True
    depth = torch.where(inside, NEAR, BACKGROUND)
    assert torch.equal(~seen(uniform(0, 0), depth, torch.full_like(depth, BACKGROUND)), inside)


def test_a_floor_seen_from_a_camera_that_moves_is_no_hole() -> None:
    x, y = grid()
    horizon, focal, height, advance = -2.0, 60.0, 1.5, 0.08
    depth = focal * height / (y - horizon)  # from 45 at the top row to 1.8 at the bottom
    before = depth + advance  # of what is seen now, in the frame before
    scale = depth / before - 1
    motion = torch.stack(((x - WIDTH / 2) * scale, (y - horizon) * scale))[None]
    depth = depth[None, None]
    assert torch.equal(seen(motion, depth, depth), came_from_inside(motion))


def test_a_motion_that_is_not_a_number_leads_outside() -> None:
    depth = torch.full((1, 1, HEIGHT, WIDTH), BACKGROUND)
    motion = uniform(0, 0)
    motion[..., 5, 7] = torch.nan
    motion[..., 6, 7] = torch.inf
    assert (~seen(motion, depth, depth)).nonzero()[:, 2:].tolist() == [[5, 7], [6, 7]]


# The motion of occlusions


def test_forward_motion_lies_where_things_were() -> None:
    inside, depth = square(26)
    motion = torch.where(inside, uniform(-6, 0), uniform(0, 0))
    forward = forward_motion(motion, depth)
    before, _ = square(20)
    expected = torch.where(before, uniform(-6, 0), uniform(0, 0)).masked_fill(inside & ~before, torch.nan)
    torch.testing.assert_close(forward, expected, equal_nan=True, atol=0, rtol=0)


def test_the_motion_of_an_occlusion_is_that_of_what_hid_the_pixel() -> None:
    inside, depth = square(26)
    before, _ = square(20)
    motion = torch.where(inside, uniform(-6, 0), uniform(0, 0))
    around = occlusion_motion(motion, forward_motion(motion, depth))
    expected = torch.where(before & ~inside, uniform(-6, 0), motion)
    assert torch.equal(around, expected)


def test_a_hole_is_filled_with_the_background_beside_what_hid_it() -> None:
    x, y = grid()
    history = STSSNetHistory()
    inside, depth = square(26)
    before, previous = square(20)
    scene, thing = texture(x, y), torch.tensor([5.0, 5.0, 5.0]).view(1, 3, 1, 1)
    history.step(torch.where(before, thing, scene), previous, uniform(0, 0))
    inputs = history.step(None, depth, torch.where(inside, uniform(-6, 0), uniform(0, 0)))
    hole = (before & ~inside).expand(-1, 3, -1, -1)
    assert torch.equal(inputs.mask == 0, before & ~inside)
    torch.testing.assert_close(inputs.colour[:, 3:][hole], torch.full_like(scene, 5.0)[hole], msg="unchecked: the ghost")
    shifted = warp(scene, uniform(-6, 0), padding="zeros")
    torch.testing.assert_close(inputs.colour[:, :3][hole], shifted[hole], atol=1e-4, rtol=0)
    torch.testing.assert_close(inputs.colour[:, :3][~hole], inputs.colour[:, 3:][~hole])
    torch.testing.assert_close(
        inputs.colour[:, :3][inside.expand_as(hole)], torch.full_like(scene, 5.0)[inside.expand_as(hole)]
    )


# Depth for STSSNet


def test_depth_is_stretched_from_the_nearest_to_the_farthest_surface() -> None:
    depth = torch.tensor([[2.0, 4.0], [10.0, torch.inf]])[None, None]
    torch.testing.assert_close(normalised_depth(depth), torch.tensor([[0.0, 0.25], [1.0, 1.0]])[None, None])


def test_depth_is_cut_at_a_distance() -> None:
    depth = torch.tensor([[2.0, 4.0], [10.0, torch.inf]])[None, None]
    torch.testing.assert_close(normalised_depth(depth, far=8.0), torch.tensor([[0.25, 0.5], [1.0, 1.0]])[None, None])


def test_a_frame_of_sky_is_far_away() -> None:
    assert (normalised_depth(torch.full((1, 1, 4, 4), torch.inf)) == 1).all()


# What STSSNet takes


def flat(value: float) -> Tensor:
    return torch.full((1, 3, HEIGHT, WIDTH), value)


DEPTH = torch.full((1, 1, HEIGHT, WIDTH), BACKGROUND)
STILL = torch.zeros(1, 2, HEIGHT, WIDTH)


def values(inputs: STSSNetInputs) -> list[float]:
    """The newest colour, and those of the history, of frames that are flat: each value names its frame."""
    found = [inputs.colour[0, 0], *inputs.history[0, :, 0]]
    assert all(image.max() - image.min() < 1e-5 for image in found)
    return [round(float(image.mean()), 3) for image in found]


def check_layout(inputs: STSSNetInputs, size: tuple[int, int]) -> None:
    """What the published files hold, whatever is in the image."""
    assert inputs.colour.shape == (1, 6, *size)
    assert inputs.mask.shape == (1, 1, *size)
    assert inputs.history.shape == (1, 3, 4, *size)
    for mask in (inputs.mask, inputs.history[:, :, 3]):
        assert ((mask == 0) | (mask == 1)).all()
    assert inputs.colour.min() >= 0
    elsewhere = (inputs.mask > 0).expand(-1, 3, -1, -1)
    assert torch.equal(inputs.colour[:, :3][elsewhere], inputs.colour[:, 3:][elsewhere]), "they differ in holes alone"


def test_a_shaded_frame_is_its_own_newest_colour() -> None:
    history = STSSNetHistory()
    for frame in range(6):
        inputs = history.step(flat(frame), DEPTH, STILL)
    assert values(inputs) == [5, 3, 4, 5]
    assert (inputs.mask == 1).all()


def test_a_frame_without_colour_is_made_from_the_last_three_with() -> None:
    history = STSSNetHistory()
    for frame in range(6):
        inputs = history.step(flat(frame) if frame % 2 == 0 else None, DEPTH, STILL)
    assert values(inputs) == [4, 0, 2, 4]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("c", [0, 0, 0, 0]),
        ("cc", [1, 0, 0, 1]),
        ("c.", [0, 0, 0, 0]),
        ("c.c", [2, 0, 0, 2]),
        ("c...c...c", [8, 0, 4, 8]),
        ("c...c...c..", [8, 0, 4, 8]),
        ("cccc..c", [6, 2, 3, 6]),
        ("cccc...", [3, 1, 2, 3]),
    ],
)
def test_shaded_frames_may_come_in_any_order(pattern: str, expected: list[int]) -> None:
    history = STSSNetHistory()
    for frame, kind in enumerate(pattern):
        inputs = history.step(flat(frame) if kind == "c" else None, DEPTH, STILL)
    assert values(inputs) == expected


@pytest.mark.parametrize("pattern", ["c.c.c.", "ccc..", "c....", "c.c.c"])
def test_the_past_of_a_moving_plane_lies_on_the_present(pattern: str) -> None:
    x, y = grid()
    shift = (1.3, -0.4)
    history = STSSNetHistory()
    for time, kind in enumerate(pattern):
        present = texture(x - time * shift[0], y - time * shift[1])
        inputs = history.step(present if kind == "c" else None, DEPTH, uniform(-shift[0], -shift[1]))
    check_layout(inputs, (HEIGHT, WIDTH))
    assert psnr(inputs.colour[:, :3], present, inputs.mask > 0) > 45
    for index in range(3):
        past = inputs.history[:, index]
        assert (past[:, 3] > 0).float().mean() > 0.7
        assert psnr(past[:, :3], present, past[:, 3:] > 0) > 45


def test_outside_the_image_there_is_a_hole_and_black() -> None:
    history = STSSNetHistory()
    history.step(flat(1.0), DEPTH, STILL)
    inputs = history.step(None, DEPTH, uniform(-2.5, 0))
    for image in (inputs.mask, inputs.colour, inputs.history[0]):
        assert (image[..., :3] == 0).all()
        assert (image[..., 3:] > 0.999).all()


def test_what_was_hidden_on_the_way_stays_a_hole() -> None:
    history = STSSNetHistory()
    history.step(flat(0.5), DEPTH, STILL)  # nothing hides the background
    inside, depth = square(20)
    history.step(None, depth, STILL)
    inputs = history.step(None, DEPTH, STILL)  # the square has gone, at its place the path to the first frame was cut
    assert torch.equal(inputs.mask == 0, inside)


def test_the_assembled_inputs_are_laid_out_as_the_published_ones(reference: Reference) -> None:
    golden = reference.tensors("stssnet/golden.safetensors")
    published = STSSNetInputs(*(golden[f"a.{name}"] for name in ("input", "mask", "history")))
    size = (published.mask.shape[2], published.mask.shape[3])
    check_layout(published, size)
    depth, motion = torch.full((1, 1, *size), BACKGROUND), torch.full((1, 2, *size), 1.5)
    history = STSSNetHistory()
    for colour in (published.colour[:, :3], None, published.colour[:, 3:], None):
        inputs = history.step(colour, depth, motion)
        check_layout(inputs, size)


def test_the_first_frame_must_have_a_colour() -> None:
    history = STSSNetHistory()
    with pytest.raises(InputError, match="must have a colour"):
        history.step(None, DEPTH, STILL)
    history.step(flat(1), DEPTH, STILL)
    history.clear()
    with pytest.raises(InputError, match="must have a colour"):
        history.step(None, DEPTH, STILL)


# What NSRR takes


def test_nsrr_sees_its_frames_oldest_first() -> None:
    history = NSRRHistory()
    motion = uniform(-1.5, 0.5)
    for frame in range(7):
        colour, depth, displacement = history.step(flat(frame), DEPTH + frame, motion)
    assert colour.shape == (1, 5, 3, HEIGHT, WIDTH)
    assert colour[0, :, 0, 0, 0].tolist() == [2, 3, 4, 5, 6]
    assert depth[0, :, 0, 0, 0].tolist() == [12, 13, 14, 15, 16]
    torch.testing.assert_close(displacement[0, :, :, 20, 30], torch.tensor([[-1.5 * k, 0.5 * k] for k in (4, 3, 2, 1, 0)]))


def test_missing_frames_are_stood_for_by_the_oldest_without_motion() -> None:
    history = NSRRHistory()
    history.step(flat(9), DEPTH, uniform(-1, 0))
    history.clear()
    colour, _, displacement = history.step(flat(0), DEPTH, uniform(-100, 0))
    assert colour[0, :, 0, 0, 0].tolist() == [0] * 5
    assert (displacement == 0).all(), "the motion of a first frame is not read"
    colour, _, displacement = history.step(flat(1), DEPTH, uniform(-2, 0))
    assert colour[0, :, 0, 0, 0].tolist() == [0, 0, 0, 0, 1]
    assert displacement[0, :, 0, 0, 0].tolist() == [-2, -2, -2, -2, 0]


# Both


@pytest.mark.parametrize("kind", [NSRRHistory, STSSNetHistory])
def test_remembered_colours_can_be_brought_to_another_exposure(kind: type[NSRRHistory] | type[STSSNetHistory]) -> None:
    history = kind()
    history.step(flat(1), DEPTH, STILL)
    history.recolour(lambda colour: colour * 3)
    result = history.step(flat(5), DEPTH, STILL)
    past = result.history[0, 0, :3] if isinstance(result, STSSNetInputs) else result[0][0, 0]
    torch.testing.assert_close(past, torch.full_like(past, 3.0))


@pytest.mark.parametrize("kind", [NSRRHistory, STSSNetHistory])
def test_frames_are_copied_into_the_same_memory_and_not_changed(kind: type[NSRRHistory] | type[STSSNetHistory]) -> None:
    history = kind()
    generator = torch.Generator().manual_seed(1)
    places = set()
    for _ in range(8):
        frame = [torch.rand(1, channels, HEIGHT, WIDTH, generator=generator) + 1 for channels in (3, 1, 2)]
        copies = [tensor.clone() for tensor in frame]
        history.step(*frame)
        assert all(torch.equal(tensor, copy) for tensor, copy in zip(frame, copies, strict=True))
        kept = history._frames if isinstance(history, NSRRHistory) else (history._colour, history._path, history._depth)
        assert kept is not None
        places.add(tuple(tensor.data_ptr() for tensor in kept if tensor is not None))
    assert len(places) == 1
