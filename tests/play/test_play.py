"""Scenes rendered, upscaled and shown: on any OpenGL without a window, small."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from upframe.engine.events import Event, Started
from upframe.engine.supersampler import Supersampler
from upframe.errors import DeviceError, InputError, ShapeError
from upframe.models.catalog import Model
from upframe.models.nsrr import NSRR
from upframe.models.stssnet import STSSNet
from upframe.play.canvas import COMPOSE, FRAME, LABEL, PaneImage, PlayCanvas, View, display_referred, nice_limit
from upframe.play.session import Played, PlaySettings, Shown, play, summary
from upframe.renderers.scene import Scene
from upframe.renderers.scenes import generate

MakeScene = Callable[[], Scene]
SMALL = PlaySettings(size=(32, 48), frames=3, samples=2)


@pytest.fixture(scope="module")
def scene() -> MakeScene:
    """The smallest there is to render; skips where nothing can be rendered."""
    pytest.importorskip("moderngl", reason="the extra [render] is not installed")
    from upframe.renderers.raster.gpu import create_context

    try:
        create_context().release()
    except DeviceError as error:
        pytest.skip(str(error))
    return partial(generate, "yard", 0, seconds=0.1, texture_pixels=16)


def network(kind: type[NSRR] | type[STSSNet]) -> Supersampler:
    """With random weights."""
    torch.manual_seed(0)
    made = NSRR(2) if kind is NSRR else STSSNet()
    return Supersampler(Model(made.eval(), made.info), device="cpu")


def shown_of(events: list[Event]) -> list[Shown]:
    return [event for event in events if isinstance(event, Shown)]


def test_every_frame_is_rendered_upscaled_put_together_and_shown(scene: MakeScene) -> None:
    canvases: list[NDArray[np.uint8]] = []

    def show(pixels: NDArray[np.uint8]) -> bool:
        canvases.append(pixels)
        return True

    settings = PlaySettings(size=(32, 48), frames=3, samples=2, reference=True)
    events = list(play(scene, settings, network(NSRR), show))
    assert isinstance(events[0], Started)
    assert (events[0].size, events[0].output_size, events[0].frames) == ((48, 32), (96, 64), 3)
    shown = shown_of(events)
    assert [(one.frame, one.shaded) for one in shown] == [(0, True), (1, True), (2, True)]
    assert all(set(one.stages) == {"render", "reference", "network", "compose", "show"} for one in shown)
    assert isinstance(events[-1], Played)
    assert events[-1].frames == len(canvases) == 3
    assert len({canvas.shape for canvas in canvases}) == 1
    assert np.abs(canvases[0].astype(int) - canvases[2]).max() > 0


def test_the_next_frame_is_rendered_before_the_last_is_shown(scene: MakeScene) -> None:
    shown_first = threading.Event()

    def wait(_pixels: NDArray[np.uint8]) -> bool:
        shown_first.wait(2 if not shown_first.is_set() else 0)  # long enough for the renderer to go on meanwhile
        shown_first.set()
        return True

    first, second, *_ = shown_of(list(play(scene, SMALL, show=wait)))
    end_of_first = first.stages["show"]["at"] + first.stages["show"]["ms"]
    assert second.stages["render"]["at"] < end_of_first


def test_stssnet_makes_every_other_frame_without_its_colour(scene: MakeScene) -> None:
    settings = PlaySettings(size=(32, 48), frames=3, colour_every=2)
    shown = shown_of(list(play(scene, settings, network(STSSNet))))
    assert [one.shaded for one in shown] == [True, False, True]
    assert all(set(one.stages) == {"render", "network"} for one in shown), "without a screen nothing is put together"


def test_playing_ends_when_the_screen_is_closed_and_can_begin_again(scene: MakeScene) -> None:
    settings = PlaySettings(size=(16, 16), frames=3, repeat=True)
    images = iter(range(5))
    events = list(play(scene, settings, show=lambda _pixels: next(images) < 4))
    assert [one.frame for one in shown_of(events)] == [0, 1, 2, 0, 1]
    assert isinstance(events[-1], Played)
    assert not multiprocessing.active_children()


def test_an_error_of_the_renderer_arrives_where_it_is_played(scene: MakeScene) -> None:
    with pytest.raises(ShapeError, match="at least 1"):
        list(play(scene, PlaySettings(size=(0, 8))))


def test_a_scene_that_cannot_be_made_is_refused_where_it_is_played(scene: MakeScene) -> None:
    with pytest.raises(InputError, match="castle: unknown scene"):
        next(play(partial(generate, "castle", 0), SMALL))


def test_a_model_of_another_scale_is_refused(scene: MakeScene) -> None:
    with pytest.raises(InputError, match="upscales 2 times, not 3"):
        next(play(scene, PlaySettings(scale=3), network(NSRR)))


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"fps": float("nan")}, {"samples": 0}, {"scale": 0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        PlaySettings(**wrong)  # type: ignore[arg-type]


def frame(number: int, **stages: float) -> Shown:
    return Shown("yard 0", number, True, sum(stages.values()), {name: {"at": 0.0, "ms": ms} for name, ms in stages.items()})


@pytest.mark.parametrize(
    ("stages", "limit"),
    [
        ({"render": 9.0, "network": 5.0, "compose": 3.0}, "render"),
        ({"render": 9.0, "network": 6.0, "compose": 4.0}, "network"),  # together they are slower than rendering
        ({"render": 2.0, "reference": 9.0, "network": 8.0}, "reference"),
        ({"render": 1.0, "network": 2.0, "compose": 1.0, "show": 7.0}, "show"),
    ],
)
def test_what_limits_is_the_longest_stage_of_the_slower_thread(stages: dict[str, float], limit: str) -> None:
    played = summary([frame(0, **dict.fromkeys(stages, 1000.0)), frame(1, **stages), frame(2, **stages)])
    assert played.limited_by == limit
    assert played.median_ms == {"frame": sum(stages.values())} | stages, "without the first frame"


def test_the_middle_of_a_large_image_is_shown_pixel_for_pixel() -> None:
    view = View((1000, 1600), 2)
    light = np.zeros((2000, 3200, 3), np.float32)
    light[1000 - 270 : 1000 + 270, 1600 - 480 : 1600 + 480] = 1
    assert view.is_part
    tile = view.large(light, 1.0)
    assert tile.shape == (540, 960, 3)
    assert tile.min() == 255


def test_all_tiles_show_the_same_place() -> None:
    view = View((24, 32), 2)
    light = np.zeros((24, 32, 3), np.float32)
    light[6:10, 20:28] = 1
    large = light.repeat(2, 0).repeat(2, 1)
    image = display_referred(light, 1.0)
    assert np.array_equal(view.nearest(image), view.large(large, 1.0))
    assert np.abs(view.bicubic(image).astype(int) - view.nearest(image)).mean() < 8
    assert view.nearest(image).shape[1] >= 320, "small images are upscaled to be seen"


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_image_is_on_the_canvas_with_its_name_and_the_graphs(count: int) -> None:
    canvas = PlayCanvas([COMPOSE, FRAME])
    tiles = [PaneImage("name", np.full((101, 321, 3), 40 * (number + 1), np.uint8)) for number in range(count)]
    before = canvas.compose(tiles)
    canvas.remember({"compose": 3.0, "frame": 4.0})
    after = canvas.compose(tiles)
    assert before.shape[0] % 2 == before.shape[1] % 2 == 0
    for number in range(count):
        assert (before == 40 * (number + 1)).all(axis=2).sum() >= 101 * 321
    assert (before[:LABEL, :100] > 200).any(), "a name"
    assert (after == COMPOSE.parts[0][1]).all(axis=2).any(), "a bar"


@pytest.mark.parametrize(("largest", "limit"), [(0, 1), (1.5, 2), (2, 2), (33, 50), (51, 100), (700, 1000)])
def test_a_graph_ends_at_a_round_number(largest: float, limit: float) -> None:
    assert nice_limit(largest) == limit
