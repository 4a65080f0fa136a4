"""The nodes by their host's conventions alone: tensors in and out, a VIDEO, its bar, its way to cancel. In CI too."""

from __future__ import annotations

import inspect
import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import torch
from tests.plugins.comfy_stand_ins import PACK, ROOT, Cancelled, Host, VideoFromFile, load_pack
from torch import Tensor

import upframe

WIDTH, HEIGHT, COUNT = 48, 40, 6
WORKFLOWS = sorted(PACK.glob("example_workflows/**/*.json"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def nodes(host: Host, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return dict(load_pack(monkeypatch, host.modules()).NODE_CLASS_MAPPINGS)


@pytest.fixture(scope="module")
def images() -> Tensor:
    """A pan over a photograph: (n, h, w, 3) in [0, 1]."""
    photo = np.asarray(PIL.Image.open(ROOT / "examples" / "media" / "stream.png").convert("RGB"), np.float32) / 255
    return torch.from_numpy(np.stack([photo[20 : 20 + HEIGHT, 10 + 2 * n : 10 + 2 * n + WIDTH] for n in range(COUNT)]))


@pytest.fixture(scope="module")
def video(images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "pan.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for image in images:
            frame = av.VideoFrame.from_ndarray((image.numpy() * 255).round().astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def load(nodes: dict[str, Any], model: str) -> Any:
    return nodes["UpframeLoadModel"]().load(model, "auto", 0)[0]


def film(nodes: dict[str, Any], video: Any, **choices: Any) -> Any:
    given = {"scale": 0.0, "filename_prefix": "video/large", "container": "auto", "resume": True} | choices
    return nodes["UpframeUpscaleVideo"]().upscale(load(nodes, "frvsr-lite-x2"), video, **given)


def frames_of(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(path) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_the_nodes_take_what_they_say(nodes: dict[str, Any]) -> None:
    for name, node in nodes.items():
        inputs = node.INPUT_TYPES()
        stated = [*inputs["required"], *inputs.get("optional", {})]
        assert stated == list(inspect.signature(getattr(node(), node.FUNCTION)).parameters), name
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
        assert node.CATEGORY == "upframe"


@pytest.mark.parametrize(
    "path", sorted(PACK.glob("example_workflows/**/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_the_example_workflows_are_of_these_nodes(nodes: dict[str, Any], path: Path) -> None:
    workflow = json.loads(path.read_text())
    if path.parent.name == "api":
        used = {node["class_type"]: set(node["inputs"]) for node in workflow.values()}
    else:
        used = {node["type"]: {each["name"] for each in node["inputs"]} for node in workflow["nodes"]}
    ours = {name: given for name, given in used.items() if name.startswith("Upframe")}
    assert len(ours) == 2
    for name, given in ours.items():
        inputs = nodes[name].INPUT_TYPES()
        assert set(inputs["required"]) <= given <= {*inputs["required"], *inputs.get("optional", {})}


def test_a_batch_is_so_many_images(nodes: dict[str, Any], host: Host, images: Tensor) -> None:
    model = load(nodes, "rt4ksr-x2")
    large, mask = nodes["UpframeUpscaleImages"]().upscale(model, images[:2], 0.0)
    assert large.shape == (2, 2 * HEIGHT, 2 * WIDTH, 3)
    assert mask.shape == large.shape[:3]
    assert not mask.any()
    for image, result in zip(images, large, strict=False):
        expected = upframe.Upscaler("rt4ksr-x2", device="cpu").upscale(image.numpy())
        np.testing.assert_array_equal(result.numpy(), expected.clip(0, 1))
    assert host.shown == [(1, 2), (2, 2)]
    assert nodes["UpframeUpscaleImages"]().upscale(model, images[:1], 1.5)[0].shape == (1, 60, 72, 3)


def test_with_a_network_for_video_a_batch_is_a_clip(nodes: dict[str, Any], images: Tensor) -> None:
    large, _ = nodes["UpframeUpscaleImages"]().upscale(load(nodes, "frvsr-lite-x2"), images, 0.0)
    expected = list(upframe.Upscaler("frvsr-lite-x2", device="cpu").stream([image.numpy() for image in images]))
    np.testing.assert_array_equal(large.numpy(), np.stack(expected).clip(0, 1))


def test_what_a_mask_hides_does_not_show_at_its_edge(nodes: dict[str, Any], images: Tensor) -> None:
    model, upscale = load(nodes, "rt4ksr-x2"), nodes["UpframeUpscaleImages"]().upscale
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, :, 24:] = 1
    hidden = images[:1].clone()
    hidden[:, :, 24:] = torch.tensor((1.0, 0.0, 1.0))
    large, larger = upscale(model, hidden, 0.0, mask)
    whole, _ = upscale(model, images[:1], 0.0)
    assert larger.shape == (1, 2 * HEIGHT, 2 * WIDTH)
    assert larger[:, :, :44].max() == 0
    assert larger[:, :, 52:].min() == 1
    assert (large - whole)[:, :, :44].abs().max() < 0.2
    rgba, _ = upscale(model, torch.cat((hidden, 1 - mask[..., None]), dim=3), 0.0)
    torch.testing.assert_close(rgba, torch.cat((large, 1 - larger[..., None]), dim=3))
    painted, selected = upscale(model, hidden, 0.0, mask, "selection")
    torch.testing.assert_close(painted, upscale(model, hidden, 0.0)[0])
    assert selected.shape == larger.shape


def test_a_mask_of_an_image_without_transparency_is_none(nodes: dict[str, Any], images: Tensor) -> None:
    model = load(nodes, "rt4ksr-x2")
    large, mask = nodes["UpframeUpscaleImages"]().upscale(model, images[:1], 0.0, torch.zeros(1, 64, 64))
    assert (large.shape[3], mask.shape, bool(mask.any())) == (3, (1, 2 * HEIGHT, 2 * WIDTH), False)


def test_a_video_is_what_the_command_makes_of_it(nodes: dict[str, Any], host: Host, video: Path, tmp_path: Path) -> None:
    options = upframe.UpscaleOptions(run=upframe.RunOptions(model="frvsr-lite-x2", device="cpu"))
    events = [event.as_dict()["event"] for event in upframe.upscale_files([str(video)], str(tmp_path / "same.mp4"), options)]
    assert events[-1] == "finished"
    made = film(nodes, VideoFromFile(str(video)))
    path = Path(made["result"][0].get_stream_source())
    assert made["ui"]["images"] == [{"filename": "large_00001_.mp4", "subfolder": "video", "type": "output"}]
    assert path.read_bytes() == (tmp_path / "same.mp4").read_bytes()
    assert host.shown[-1] == (COUNT, COUNT)
    second = film(nodes, VideoFromFile(str(video)), container="mkv", scale=1.0)
    path = Path(second["result"][0].get_stream_source())
    assert (path.name, len(frames_of(path))) == ("large_00002_.mkv", COUNT)


def test_a_video_that_was_cut_is_upscaled_as_it_was_cut(nodes: dict[str, Any], video: Path) -> None:
    made = film(nodes, VideoFromFile(str(video), seconds=2 / 25))
    assert len(frames_of(Path(made["result"][0].get_stream_source()))) == 2


def test_cancelling_ends_the_work_and_leaves_nothing(nodes: dict[str, Any], host: Host, images: Tensor, video: Path) -> None:
    model = load(nodes, "rt4ksr-x2")
    host.cancels_at = 2
    with pytest.raises(Cancelled):
        nodes["UpframeUpscaleImages"]().upscale(model, images, 0.0)
    assert len(host.shown) == 1
    host.asked, host.cancels_at = 0, 5
    with pytest.raises(Cancelled):
        film(nodes, VideoFromFile(str(video)))
    assert [path for path in (host.folder / "output").rglob("*") if path.is_file()] == []


def test_a_weights_file_of_the_users_own(nodes: dict[str, Any], host: Host) -> None:
    loader, name = nodes["UpframeLoadModel"], "mine.safetensors"
    own = host.folder / "models" / "upframe" / name
    shutil.copyfile(ROOT / "src/upframe/weights/rt4ksr-x3.safetensors", own)
    assert name in loader.INPUT_TYPES()["required"]["model"][0]
    assert "nsrr-x2" not in loader.INPUT_TYPES()["required"]["model"][0]
    assert load(nodes, name).upscaler.info.scale == 3
    before = loader.IS_CHANGED(model=name, precision="auto", tile=0)
    own.write_bytes(b"damaged")
    assert loader.IS_CHANGED(model=name, precision="auto", tile=0) != before
    with pytest.raises(RuntimeError, match=r"mine\.safetensors") as caught:
        load(nodes, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda nodes: load(nodes, "no-such"), "no-such: no model"),
        (lambda nodes: load(nodes, "gone.safetensors"), "gone.safetensors"),
        (lambda nodes: load(nodes, "nsrr-x2"), "rendered frames"),
        (lambda nodes: images_of(nodes, torch.zeros(3, 40, 48)), "images are floats of .* not torch.float32 of 3 x 40 x 48"),
        (lambda nodes: images_of(nodes, torch.zeros(1, 40, 48, 2)), "1 x 40 x 48 x 2"),
        (lambda nodes: images_of(nodes, torch.zeros(1, 40, 48, 3).byte()), "not torch.uint8"),
        (lambda nodes: images_of(nodes, torch.zeros(1, 40, 48, 3), torch.zeros(1, 20, 24)), "mask of 1 x 20 x 24 does not fit"),
        (lambda nodes: film(nodes, VideoFromFile(str(ROOT / "README.md"))), "README.md"),
    ],
)
def test_what_cannot_be_done_is_one_line(nodes: dict[str, Any], make: Any, words: str) -> None:
    with pytest.raises(RuntimeError, match=words) as caught:
        make(nodes)
    assert "\n" not in str(caught.value)


def images_of(nodes: dict[str, Any], image: Tensor, mask: Tensor | None = None) -> Any:
    return nodes["UpframeUpscaleImages"]().upscale(load(nodes, "rt4ksr-x2"), image, 0.0, mask)


def test_what_to_do_is_said_in_the_words_of_the_nodes(nodes: dict[str, Any], host: Host, video: Path) -> None:
    job = upframe.JobOptions(segmented=True)
    run = upframe.RunOptions(model="rt4ksr-x2", device="cpu")
    target = host.folder / "output" / "video" / "large_00001_.mp4"
    target.parent.mkdir()
    work = upframe.upscale_files([str(video)], str(target), upframe.UpscaleOptions(run=run, job=job))
    next(event for event in work if event.as_dict()["event"] == "segmentmade")
    work.close()
    assert upframe.is_unfinished(target)
    with pytest.raises(RuntimeError, match=r"cannot go on.*'resume' switched off"):
        film(nodes, VideoFromFile(str(video)))
    film(nodes, VideoFromFile(str(video)), resume=False)
    assert len(frames_of(target)) == COUNT
    assert not upframe.is_unfinished(target)


def test_a_host_that_is_too_old_is_refused_in_one_line(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = host.modules()
    del modules["comfy_api.input_impl"]
    with pytest.raises(ImportError, match=r"has no comfy_api\.input_impl: .* 0\.3\.31 and newer") as caught:
        load_pack(monkeypatch, modules)
    assert "\n" not in str(caught.value)
