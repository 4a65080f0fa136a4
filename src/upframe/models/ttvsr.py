"""TTVSR: the trajectory-aware transformer for video super-resolution (Liu et al., CVPR 2022).

A clip is passed over twice, from its end to its start and from its start to its end, by the same weights. Each pass carries a
feature map along the optical flow (as BasicVSR does) and remembers every third frame, a key frame, cut into tokens. Location
maps tell through which token of each key frame the trajectory of every token of the current frame went (section 3.2). The
attention compares the current token with those, takes the most similar one, at three scales, and adds it (sections 3.1, 3.3).

The names of the parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models.contract import Contract, ExportStep, TensorSpec
from upframe.models.info import ModelInfo
from upframe.models.network import Family
from upframe.models.spynet import SPyNet
from upframe.models.streams import ChunkStream, Stream
from upframe.ops.convolution import narrow_conv, shuffled_conv
from upframe.ops.warp import warp

SCALE = 4
SMALLEST_SIDE = 64
HEAD_BLOCKS = 5  # residual blocks that make the features of a single frame
TAIL_CHANNELS = 64
FLOW_BATCH = 8  # flows that are computed at once
REMEMBERED = 7  # key frames carried from one chunk to the next: those of 20 frames
LOOK_AHEAD = 15  # frames after a frame, and
WARM_UP = 15  # before it, that all but a little of its result comes from (docs/streaming.md)
EXAMPLE_FRAMES = 7


@dataclass(frozen=True, slots=True)
class Memory:
    """What a pass over the frames carries from one frame to the next. k key frames, p = h/s * w/s tokens each.

    Tokens are blocks of s x s pixels (``token_stride``), row by row, each a vector of its c*s*s values. The tables of tokens
    belong to one pass, which fills them; they have room for all key frames it will meet.
    """

    feature: Tensor  # (n, c, h, w) of the last frame
    keys: Tensor  # (k or more, n, p, c*s*s), unit length: what a token is compared with
    values: Tensor  # (k or more, n, p, 3*c*s*s): what is taken from it, at three scales
    location: Tensor  # (n, 2*k, h/s, w/s), float32, x then y in tokens: where each trajectory meets each key frame
    age: int  # frames since the last key frame

    @property
    def keyframes(self) -> int:
        return self.location.shape[1] // 2

    def copy(self, *, latest: int, room: int = 0) -> Memory:
        """The memory of no more than the ``latest`` key frames, in tables of its own with room for ``room`` more."""
        first = max(self.keyframes - latest, 0)
        kept = [table[first : self.keyframes] for table in (self.keys, self.values)]
        keys, values = (torch.cat((table, table.new_empty(room, *table.shape[1:]))) for table in kept)
        return replace(self, keys=keys, values=values, location=self.location[:, 2 * first :].clone())


@dataclass(frozen=True, slots=True)
class TTVSRState:
    """What :meth:`TTVSR.chunk` carries from one chunk of a clip to the next."""

    frame: Tensor  # (n, 3, h, w), the last frame that was output
    memory: Memory  # of the forward pass, at that frame


class ResidualBlock(nn.Module):
    """(n, c, h, w) -> (n, c, h, w). Initialised at a tenth of He's values, as published."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        for conv in (self.conv1, self.conv2):
            _initialise(conv, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv2(F.relu_(self.conv1(x)))
        return residual.add_(x)


class ResidualBlocks(nn.Module):
    """A convolution to the right number of channels, then residual blocks: (n, inputs, h, w) -> (n, channels, h, w)."""

    def __init__(self, inputs: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks))),
        )

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.main(x)
        return features


class PixelShuffle(nn.Module):
    """Twice the size, by a convolution and a pixel-shuffle: (n, inputs, h, w) -> (n, channels, 2h, 2w)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Conv2d(inputs, 4 * channels, 3, padding=1)
        _initialise(self.upsample_conv, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return shuffled_conv(x, self.upsample_conv, 2)


def _initialise(conv: nn.Conv2d, factor: float) -> None:
    assert conv.bias is not None
    nn.init.kaiming_normal_(conv.weight)
    nn.init.zeros_(conv.bias)
    with torch.no_grad():
        conv.weight *= factor


def tokens(feature: Tensor, stride: int, window: int) -> Tensor:
    """Cut a feature map into tokens (section 3.3): (n, c, h, w) -> (n, c*stride*stride, p), p = h/stride * w/stride.

    Each is the ``window`` x ``window`` pixels around a block of ``stride`` x ``stride``, zeros outside the map, averaged to the
    size of the block. With ``window`` = ``stride`` it is the block.
    """
    windows = F.unfold(feature, window, padding=(window - stride) // 2, stride=stride)  # (n, c*window*window, p)
    if window == stride:
        return windows
    n, channels, _, _ = feature.shape
    blocks = F.adaptive_avg_pool2d(windows.transpose(1, 2).reshape(-1, channels, window, window), stride)
    return blocks.view(n, -1, channels * stride * stride).transpose(1, 2)


class TrajectoryAttention(nn.Module):
    """LTAM: attention along trajectories, hard over the key frames, at three scales (sections 3.2 and 3.3)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.fusion = nn.Conv2d(3 * channels, channels, 3, padding=1)

    def keys(self, feature: Tensor) -> Tensor:
        """What stands for a frame in comparisons: (n, c, h, w), of that frame alone -> (n, p, c*s*s), unit length."""
        return F.normalize(tokens(feature, self.stride, self.stride), dim=1).transpose(1, 2).contiguous()

    def values(self, feature: Tensor) -> Tensor:
        """Cross-scale feature tokenisation: (n, c, h, w) -> (n, p, 3*c*s*s), windows of 1, 1.5 and 2 times the stride."""
        s = self.stride
        return torch.cat([tokens(feature, s, window).transpose(1, 2) for window in (s, s + s // 2, 2 * s)], dim=-1)

    def forward(self, current: Tensor, anchor: Tensor, keys: Tensor, values: Tensor, location: Tensor) -> Tensor:
        """current, of this frame alone, and anchor, carried to it, (n, c, h, w); the rest as in Memory -> (n, c, h, w).

        Locations are rounded to the nearest token; one outside the map reads zeros. Of equal key frames, as still images and
        mirrored clips have them, the first is taken; which one the published code takes hangs on the machine's rounding.
        """
        _, n, p, _ = keys.shape
        rows, columns = location.shape[-2:]
        number, inside = _token_numbers(location)  # (n, k, p)
        query = self.keys(current)  # (n, p, c*s*s)
        # Key frame by key frame, and in place: all at once takes k times the memory, and more time.
        similarity = torch.stack([_tokens_of(keys[i], number[:, i]).mul_(query).sum(-1) for i in range(number.shape[1])], dim=1)
        weight, chosen = (similarity * inside).max(dim=1, keepdim=True)  # (n, 1, p)

        number, inside = (x.gather(1, chosen).squeeze(1) for x in (number, inside))  # (n, p)
        taken = _tokens_of(values, number + n * p * chosen.squeeze(1)) * inside.unsqueeze(-1)  # (n, p, 3*c*s*s)
        taken = F.pixel_shuffle(taken.transpose(1, 2).reshape(n, -1, rows, columns), self.stride)  # (n, 3*c, h, w)
        weight = F.interpolate(weight.view(n, 1, rows, columns), scale_factor=self.stride)  # (n, 1, h, w)
        fused: Tensor = self.fusion(taken)
        return fused.mul(weight).add_(anchor)


def _token_numbers(location: Tensor) -> tuple[Tensor, Tensor]:
    """Locations (n, 2*k, rows, columns) -> the tokens' numbers, (n, k, p), and whether they are inside the map.

    Tokens are numbered through the batch: n * p to a key frame.
    """
    n, _, rows, columns = location.shape
    x, y = location.round().long().view(n, -1, 2, rows * columns).unbind(2)
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    first = rows * columns * torch.arange(n, device=location.device).view(n, 1, 1)
    return first + torch.where(inside, y * columns + x, 0), inside


def _tokens_of(table: Tensor, number: Tensor) -> Tensor:
    """Tokens by their numbers, (n, p): table (..., c*s*s) -> (n, p, c*s*s)."""
    return F.embedding(number, table.reshape(-1, table.shape[-1]))  # the fastest way to gather rows, by far


class TTVSR(nn.Module):
    """The network. Published: 64 channels, 60 blocks, tokens of 4x4 pixels, every third frame a key frame.

    Sizes: h and w at least 64 and multiples of ``token_stride``, which is a multiple of 4. The first frame of either pass is a
    key frame, then every ``keyframe_stride``-th: counted from the end of the clip in the backward pass.
    """

    kind: Literal["video"] = "video"

    def __init__(self, *, channels: int = 64, blocks: int = 60, token_stride: int = 4, keyframe_stride: int = 3) -> None:
        super().__init__()
        if token_stride < 4 or token_stride % 4:
            raise ShapeError(
                f"token_stride must be a multiple of 4, not {token_stride}: half of it is put around a token evenly"
            )
        self.channels, self.blocks = channels, blocks
        self.token_stride, self.keyframe_stride = token_stride, keyframe_stride
        self.spynet = SPyNet()
        self.feat_extractor = ResidualBlocks(3, channels, HEAD_BLOCKS)
        self.LTAM = TrajectoryAttention(channels, token_stride)
        self.resblocks = ResidualBlocks(2 * channels, channels, blocks)
        self.fusion = nn.Conv2d(3 * channels, channels, 1)
        self.upsample1 = PixelShuffle(channels, channels)
        self.upsample2 = PixelShuffle(channels, TAIL_CHANNELS)
        self.conv_hr = nn.Conv2d(TAIL_CHANNELS, TAIL_CHANNELS, 3, padding=1)
        self.conv_last = nn.Conv2d(TAIL_CHANNELS, 3, 3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """A whole clip: (n, t, 3, h, w) in [0, 1] -> (n, t, 3, 4h, 4w), not clamped. Memory grows with t; see :meth:`chunk`.

        Raises ShapeError for another shape, sides below 64, and sides that are no multiple of ``token_stride``.
        """
        return self.chunk(frames)[0]

    def chunk(
        self, frames: Tensor, state: TTVSRState | None = None, *, keep: int | None = None, remember: int = REMEMBERED
    ) -> tuple[Tensor, TTVSRState]:
        """The next frames of a clip that is too long to be seen at once.

        frames (n, t, 3, h, w): the first ``keep`` of them (all, without it) are output, (n, keep, 3, 4h, 4w); the others are
        looked at by the backward pass alone, and begin the next chunk. ``state`` is None for the first chunk of a clip, then
        what the chunk before returned: it carries the forward pass, with the last ``remember`` key frames. A clip in one chunk
        is :meth:`forward`; docs/streaming.md has what longer ones lose. Raises ShapeError, as forward does.
        """
        keep = frames.shape[1] if keep is None else keep
        self._check(frames, state, keep, remember)
        # Frame by frame: equal frames then have equal features, to the last bit, whatever stands beside them.
        features = [self.feat_extractor(frame) for frame in frames.unbind(1)]
        to_next, to_previous = self._flows(frames, state, keep)
        backward = self._backward(features, to_next, keep)
        del features[keep:]

        if state is None:
            memory = self._empty_memory(features[0], keep)
        else:
            memory = state.memory.copy(latest=remember, room=self._room(keep))
        outputs = []
        for i in range(keep):
            current = features.pop(0)  # its last use
            memory = self._step(current, memory, to_previous[i])
            outputs.append(self._reconstruct(frames[:, i], backward.pop(), current, memory.feature))
        return torch.stack(outputs, dim=1), TTVSRState(frames[:, keep - 1].clone(), memory.copy(latest=remember))

    def _check(self, frames: Tensor, state: TTVSRState | None, keep: int, remember: int) -> None:
        if frames.ndim != 5 or frames.shape[2] != 3 or 0 in frames.shape:
            raise ShapeError(f"TTVSR takes clips of shape (n, t, 3, h, w), not {tuple(frames.shape)}")
        height, width = frames.shape[-2:]
        if min(height, width) < SMALLEST_SIDE:
            raise ShapeError(f"TTVSR takes frames of {SMALLEST_SIDE}x{SMALLEST_SIDE} or more, not {width}x{height}: pad them")
        if height % self.token_stride or width % self.token_stride:
            raise ShapeError(f"TTVSR takes sides that are multiples of {self.token_stride}, not {width}x{height}: pad them")
        if not 1 <= keep <= frames.shape[1]:
            raise ShapeError(f"keep must be from 1 to the {frames.shape[1]} frames given, not {keep}")
        if remember < 1:
            raise ShapeError(f"remember must be at least 1 key frame, not {remember}")
        if state is not None and state.frame.shape != frames[:, 0].shape:
            raise ShapeError(f"the state is of frames {tuple(state.frame.shape)}, the chunk of {tuple(frames[:, 0].shape)}")

    def _flows(self, frames: Tensor, state: TTVSRState | None, keep: int) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """From each frame to the next (None for the last), and from the first ``keep`` to the previous (None for the first
        of a clip): (n, 2, h, w) each.
        """
        to_next = self._flow(frames[:, :-1], frames[:, 1:])
        first = None if state is None else self.spynet(frames[:, 0], state.frame)
        if _is_mirrored(frames):
            rest = to_next[::-1]
        else:
            rest = self._flow(frames[:, 1:keep], frames[:, : keep - 1])
        return [*to_next, None], [first, *rest]

    def _flow(self, references: Tensor, neighbours: Tensor) -> list[Tensor]:
        """The flows between two clips (n, t, 3, h, w), frame by frame: t times (n, 2, h, w)."""
        flows: list[Tensor] = []
        for start in range(0, references.shape[1], FLOW_BATCH):
            pair = [clip[:, start : start + FLOW_BATCH] for clip in (references, neighbours)]
            flow: Tensor = self.spynet(*(clip.flatten(0, 1) for clip in pair))  # (n*batch, 2, h, w)
            flows += flow.view(*pair[0].shape[:2], *flow.shape[1:]).unbind(1)
        return flows

    def _backward(self, features: list[Tensor], flows: list[Tensor | None], keep: int) -> list[Tensor]:
        """The pass from the last frame to the first: what it makes, (n, c, h, w), of the frames keep - 1, ..., 0."""
        memory = self._empty_memory(features[0], len(features))
        kept = []
        for i in reversed(range(len(features))):
            memory = self._step(features[i], memory, flows[i])
            if i < keep:
                kept.append(memory.feature)
        return kept

    def _room(self, frames: int) -> int:
        """The most key frames there can be among so many frames."""
        return -(-frames // self.keyframe_stride)

    def _empty_memory(self, feature: Tensor, frames: int) -> Memory:
        """Before the first of so many frames, with features like this one: no key frame yet, which the first is to be."""
        n, _, height, width = feature.shape
        s, room = self.token_stride, self._room(frames)
        rows, columns, token = height // s, width // s, self.channels * s * s
        keys, values = (feature.new_empty(room, n, rows * columns, scales * token) for scales in (1, 3))
        location = torch.empty(n, 0, rows, columns, device=feature.device)
        return Memory(torch.zeros_like(feature), keys, values, location, age=self.keyframe_stride - 1)

    def _step(self, current: Tensor, memory: Memory, flow: Tensor | None) -> Memory:
        """One frame further in either direction. current (n, c, h, w); flow (n, 2, h, w), from it to the memory's frame."""
        aligned, location = memory.feature, memory.location
        if flow is not None:
            token_flow = F.avg_pool2d(flow.detach().float(), self.token_stride) / self.token_stride
            location = warp(location, token_flow, padding="border", interpolation="nearest")
            aligned = warp(aligned, flow, padding="border")
            aligned = self.LTAM(current, aligned, memory.keys, memory.values, location)
        feature = self.resblocks(torch.cat((current, aligned), dim=1))
        memory = replace(memory, feature=feature, location=location, age=memory.age + 1)
        return memory if memory.age < self.keyframe_stride else self._remember(current, memory)

    def _remember(self, current: Tensor, memory: Memory) -> Memory:
        """Make the last frame a key frame. Its own location map is the identity: each trajectory is at its own token."""
        memory.keys[memory.keyframes] = self.LTAM.keys(current)
        memory.values[memory.keyframes] = self.LTAM.values(memory.feature)
        n, _, rows, columns = memory.location.shape
        sides = (torch.arange(side, device=current.device, dtype=torch.float32) for side in (rows, columns))
        y, x = torch.meshgrid(*sides, indexing="ij")
        identity = torch.stack((x, y)).expand(n, -1, -1, -1)
        return replace(memory, location=torch.cat((memory.location, identity), dim=1), age=0)

    def _reconstruct(self, frame: Tensor, backward: Tensor, current: Tensor, forward: Tensor) -> Tensor:
        """From the features of both passes and of the frame alone, (n, c, h, w) each, to the image, (n, 3, 4h, 4w)."""
        x = F.leaky_relu_(self.fusion(torch.cat((backward, current, forward), dim=1)), 0.1)
        x = F.leaky_relu_(self.upsample1(x), 0.1)  # (n, c, 2h, 2w)
        x = F.leaky_relu_(self.upsample2(x), 0.1)  # (n, 64, 4h, 4w)
        image = narrow_conv(F.leaky_relu_(self.conv_hr(x), 0.1), self.conv_last)  # (n, 3, 4h, 4w)
        return image.add_(F.interpolate(frame, scale_factor=SCALE, mode="bilinear", align_corners=False))

    def stream(self) -> Stream:
        """In chunks: what is far ahead changes a result too little to wait for it."""
        return ChunkStream(self, ahead=LOOK_AHEAD)

    def graphs(self) -> Iterator[nn.Module]:
        """What is compiled: part by part, as a call of it is a loop over frames."""
        return self.children()

    def export_step(self, *, frames: int) -> ExportStep:
        """A clip of a fixed number of frames: its two passes need the whole of it."""
        clip = TensorSpec("frames", (1, frames, 3, "h", "w"), "a whole clip, display-referred RGB, black 0, white 1")
        larger = (1, frames, 3, f"{SCALE}*h", f"{SCALE}*w")
        return ExportStep(self, Contract("clip", (clip,), (TensorSpec("output", larger, "the larger clip, not clamped"),)))

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """A clip of seven frames of random values, as `forward` takes it; the same each time."""
        generator = torch.Generator().manual_seed(0)
        frames = torch.rand(1, EXAMPLE_FRAMES, 3, height, width, generator=generator)
        return (frames.to(self.fusion.weight.device),)

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""
        return ModelInfo(
            name="ttvsr-x4",
            family="ttvsr",
            kind=self.kind,
            scale=SCALE,
            multiple=self.token_stride,
            minimum=SMALLEST_SIDE,
            radius=None,
            past=WARM_UP,
            future=LOOK_AHEAD,
            parameters=sum(p.numel() for p in self.parameters()),
        )

    @property
    def configuration(self) -> dict[str, int]:
        """The settings that a checkpoint's shapes do not tell."""
        return {"token_stride": self.token_stride, "keyframe_stride": self.keyframe_stride}


def _is_mirrored(frames: Tensor) -> bool:
    """Whether the second half of a clip is the first one backwards, as in evaluation on Vimeo-90K: half of the flows suffice.

    Never in a graph that is compiled or exported: it must not depend on values.
    """
    if frames.shape[1] % 2 or torch.compiler.is_compiling():
        return False
    first, second = frames.chunk(2, dim=1)
    return torch.equal(first, second.flip(1))


UNUSED_KEYS = ("step_counter",)  # of the training that published the files


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is a TTVSR."""
    return all(f"{name}.weight" in state for name in ("LTAM.fusion", "feat_extractor.main.0", "resblocks.main.0", "conv_hr"))


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> TTVSR:
    """The network a state dict was saved from, its sizes read off the shapes.

    ``configuration`` may hold ``token_stride`` and ``keyframe_stride``; without them the published ones (4 and 3) are taken.
    Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    kept = {name: value for name, value in state.items() if name not in UNUSED_KEYS}
    blocks = {name.split(".")[3] for name in kept if name.startswith("resblocks.main.2.")}
    network = TTVSR(
        channels=kept["resblocks.main.0.weight"].shape[0],
        blocks=len(blocks),
        token_stride=int(configuration.get("token_stride", 4)),
        keyframe_stride=int(configuration.get("keyframe_stride", 3)),
    )
    try:
        network.load_state_dict(kept)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like a TTVSR but is a variant this version does not build: {first}") from error
    return network


FAMILY = Family("ttvsr", recognises, build, published={"ttvsr-x4": TTVSR})
