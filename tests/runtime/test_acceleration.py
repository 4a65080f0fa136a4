"""A network that is recorded or compiled gives what it gave before, and results stay what they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from upframe import Upscaler
from upframe.errors import DeviceError
from upframe.models.catalog import Model
from upframe.models.frvsr import FRVSR
from upframe.models.rt4ksr import RT4KSR
from upframe.models.streams import RecurrentStream
from upframe.runtime.acceleration import KEPT, CUDAGraphs, Replay, Replayed, accelerate

CPU = torch.device("cpu")
on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="graphs are recorded on CUDA")


class Recorder:
    """Records as CUDA does: what is replayed reads and writes the memory it did when it was recorded."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, run: Callable[[], Tensor]) -> tuple[Tensor, Replay]:
        self.recorded += 1
        result = run()

        def replay() -> None:
            self.replayed += 1
            result.copy_(run())

        return result, replay


def twice(x: Tensor, y: Tensor) -> Tensor:
    return 2 * x + y


def pair(size: int, value: float) -> tuple[Tensor, Tensor]:
    return torch.full((1, 3, size, size), value), torch.ones(1, 3, size, size)


def no_notes(text: str) -> None:
    raise AssertionError(text)


def test_results_that_were_handed_out_are_not_written_to_again() -> None:
    recorder = Recorder()
    run = Replayed(twice, recorder, no_notes)
    results = [run(*pair(4, value)) for value in range(5)]
    assert [float(result.mean()) for result in results] == [1, 3, 5, 7, 9]
    assert (recorder.recorded, recorder.replayed) == (1, 4), "the first run is no recording, all others are replays of one"


def test_arguments_are_only_read_and_may_change_their_layout() -> None:
    run = Replayed(twice, Recorder(), no_notes)
    x, y = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    kept = x.clone(), y.clone()
    for layout in (torch.contiguous_format, torch.contiguous_format, torch.channels_last):
        given = x.contiguous(memory_format=layout), y.contiguous(memory_format=layout)
        torch.testing.assert_close(run(*given), twice(x, y))
        assert all(torch.equal(was, now) for was, now in zip(kept, given, strict=True))


def test_every_size_has_its_own_recording_and_the_oldest_give_way() -> None:
    recorder = Recorder()
    run = Replayed(twice, recorder, no_notes)
    for round_ in range(3):
        for size in (2, 3):
            assert run(*pair(size, round_)).shape[-1] == size
    assert (recorder.recorded, recorder.replayed) == (2, 4)
    assert run(pair(2, 1)[0].double(), pair(2, 1)[1].double()).dtype == torch.float64, "another type is another recording"
    for size in range(4, 4 + KEPT):
        for _ in range(2):
            run(*pair(size, 0))
    before = recorder.recorded
    run(*pair(3 + KEPT, 0))
    assert recorder.recorded == before
    assert float(run(*pair(2, 4)).mean()) == 9
    assert recorder.recorded == before + 1, "the size that was not used for longest was recorded again"


def test_what_cannot_be_recorded_runs_as_it_is_and_is_told_once() -> None:
    def refuse(run: Callable[[], Tensor]) -> tuple[Tensor, Replay]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    notes: list[str] = []
    run = Replayed(twice, refuse, notes.append)
    for value in range(4):
        for size in (2, 3):
            assert float(run(*pair(size, value)).mean()) == 2 * value + 1
    assert len(notes) == 1
    assert "stream is capturing" in notes[0]
    assert "more" not in notes[0]


def test_out_of_memory_lets_go_of_the_recordings_for_the_smaller_tiles_that_follow() -> None:
    def small_alone(x: Tensor, y: Tensor) -> Tensor:
        if x.shape[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return twice(x, y)

    recorder = Recorder()
    run = Replayed(small_alone, recorder, no_notes)
    for value in range(3):
        run(*pair(3, value))
    with pytest.raises(torch.OutOfMemoryError):
        run(*pair(4, 0))
    assert float(run(*pair(3, 5)).mean()) == 11
    assert recorder.recorded == 2


def test_a_running_video_is_the_same_when_its_frames_are_replayed() -> None:
    torch.manual_seed(0)
    network = FRVSR(2, channels=8, blocks=1, flow_channels=4).eval().requires_grad_(False)
    frames = [torch.rand(1, 3, 16, 24) for _ in range(6)]

    def upscaled() -> list[Tensor]:
        stream = RecurrentStream(network, warm_up=2)
        with torch.inference_mode():
            return [result for frame in frames for result in stream.feed(frame)] + stream.finish()

    plain = upscaled()
    network.forward = Replayed(network.forward, Recorder(), no_notes)  # type: ignore[method-assign, assignment]
    for one, other in zip(plain, upscaled(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_graphs_are_refused_where_there_is_no_cuda() -> None:
    with pytest.raises(DeviceError, match="Leave out graphs, or use an NVIDIA GPU"):
        Upscaler("rt4ksr-x2", device="cpu", graphs=True)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own parts
def test_a_compiled_network_gives_the_same_and_can_be_plain_again() -> None:
    network = RT4KSR(2, channels=8, blocks=1, merged=True).eval().requires_grad_(False)
    image = torch.rand(1, 3, 20, 28)
    plain = Upscaler(Model(network, network.info), device="cpu").upscale_tensor(image)
    compiled = Upscaler(Model(network, network.info), device="cpu", compile=True)
    torch.testing.assert_close(compiled.upscale_tensor(image), plain, rtol=0, atol=1e-5)
    torch.testing.assert_close(compiled.upscale_tensor(image[..., :12, :16]).shape, torch.Size((1, 3, 24, 32)))
    assert "forward" in vars(network)
    accelerate(network, CPU, compiled=False, graphs=False, on_note=no_notes)
    assert "forward" not in vars(network)


@on_cuda
def test_a_graph_of_cuda_gives_what_the_network_gives() -> None:
    device = torch.device("cuda")
    torch.manual_seed(0)
    network = RT4KSR(2, merged=True).eval().requires_grad_(False).to(device)
    images = [torch.rand(1, 3, size, 64, device=device) for size in (32, 48, 32, 48, 32, 48)]
    with torch.inference_mode():
        plain = [network(image) for image in images]
    run = Replayed(network.forward, CUDAGraphs(device), no_notes)
    replayed = [run(image) for image in images]
    for one, other in zip(plain, replayed, strict=True):
        torch.testing.assert_close(one, other)
