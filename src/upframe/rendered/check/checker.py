"""Whether a capture keeps to the contract, and which mistake it has if not: found by measuring which reading of it fits.

A mistake in a sign or a unit does not show in a single frame. So the previous frame is laid on the current one by the motion
under every reading that engines invite, and the reading with the least error is named beside the stated one's error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from upframe.errors import InputError, ShapeError
from upframe.rendered.check import depth as check_depth
from upframe.rendered.check import motion as check_motion
from upframe.rendered.check.depth import CameraMatrices
from upframe.rendered.check.motion import NeighbourMatch
from upframe.rendered.check.order import exchanged
from upframe.rendered.check.readings import STATED_MOTION, MotionReading, Reading, readings
from upframe.rendered.check.values import (
    NO_DISTANCE,
    Check,
    CurveWatch,
    ExposureWatch,
    as_array,
    is_repeated,
    time_mistake,
    value_problems,
)
from upframe.rendered.frame import RenderedFrame

DEPTH_PAIRS = 12  # how many pairs of frames, spread over a clip, depth is checked on


@dataclass(frozen=True)
class Finding:
    """One line about a capture. A mistake fails it, a note does not.

    ``frames``: where it was seen; empty for everywhere. ``remedy``: what to store instead, where that is known.
    """

    check: Check
    message: str
    frames: tuple[int, ...] = ()
    kind: Literal["mistake", "note"] = "mistake"
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """What was found. ``measured``: errors by name, in display values for images and in pixels for depth."""

    frames: int
    pairs: int
    findings: tuple[Finding, ...]
    measured: dict[str, float]
    reading: Reading = field(repr=False)

    @property
    def mistakes(self) -> tuple[Finding, ...]:
        """The findings that fail the capture."""
        return tuple(finding for finding in self.findings if finding.kind == "mistake")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = [asdict(finding) for finding in self.findings]
        return {
            "frames": self.frames,
            "pairs": self.pairs,
            "passed": not self.mistakes,
            "findings": found,
            "measured": self.measured,
        }


def check_frames(frames: Sequence[RenderedFrame], cameras: Sequence[CameraMatrices] | None = None) -> Report:
    """Check the frames of a clip, in order. They are read one after the other, and some a second time.

    ``frames`` may read from a disk; a frame it cannot make (InputError, ShapeError) becomes a finding. With ``cameras``, one
    for each frame, depth is checked exactly; without them, as far as the motion shows it.
    """
    if cameras is not None and len(cameras) != len(frames):
        raise ShapeError(f"{len(cameras)} cameras for {len(frames)} frames")
    check = _Check(frames, cameras)
    check.read()
    return check.report()


class _Check:
    """The state of one check."""

    def __init__(self, frames: Sequence[RenderedFrame], cameras: Sequence[CameraMatrices] | None) -> None:
        self.frames, self.cameras = frames, cameras
        self.findings: list[Finding] = []
        self.measured: dict[str, float] = {}
        self.tried = readings()
        self.pairs: list[NeighbourMatch] = []
        self.off: dict[int, tuple[float, float]] = {}  # how far each frame is off from where its cameras carry it
        self.reading = Reading()
        self.exposure = 1.0  # of the first frame: all are compared at one
        self.no_distance: Finding | None = None  # depth of 0 and below

    def read(self) -> None:
        """Everything that one pass over the frames shows."""
        problems: dict[tuple[Check, str, str], dict[int, float]] = {}
        sizes: dict[tuple[int, int], list[int]] = {}
        curve, light, jitters, motion_size = CurveWatch(), ExposureWatch(), set(), 0.0
        times: list[float] = []
        repeated: list[int] = []
        previous: RenderedFrame | None = None
        for index in range(len(self.frames)):
            frame = self._frame(index)
            if frame is None:
                previous = None
                continue
            if not sizes:
                self.exposure = frame.exposure
            sizes.setdefault(frame.size, []).append(index)
            for problem in value_problems(frame):
                problems.setdefault((problem.check, problem.words, problem.remedy), {})[index] = problem.share
            curve.add(frame)
            light.add(frame)
            times += [] if frame.frame_time is None else [frame.frame_time]
            jitters.add(frame.jitter)
            if previous is not None and previous.size == frame.size and not frame.cut:
                self._compare(previous, frame, index)
                if is_repeated(previous, frame):
                    repeated.append(index)
                motion_size = max(motion_size, float(np.nanmax(np.abs(as_array(frame.motion)))))
            previous = frame
        self._report_values(problems, sizes, curve)
        self._report_jitters(jitters)
        self.findings += [Finding("colour", words, remedy=remedy) for words, remedy in light.verdicts()]
        if words := time_mistake(times):
            self.findings.append(Finding("time", words, remedy="store seconds"))
        if repeated:
            words = "is the frame before once more, but its motion is not 0"
            self.findings.append(Finding("order", words, tuple(repeated), remedy="leave it out, or store a motion of 0"))
        if self.pairs and motion_size == 0:
            self._note("motion", "motion is 0 everywhere: nothing moves, or it was not written")

    def _frame(self, index: int) -> RenderedFrame | None:
        try:
            return self.frames[index]
        except (InputError, ShapeError) as error:
            remedy = "" if error.remedy is None else str(error.remedy)
            self.findings.append(Finding("buffers", str(error), (index,), remedy=remedy))
            return None

    def _compare(self, earlier: RenderedFrame, later: RenderedFrame, index: int) -> None:
        pair = check_motion.compare(earlier, later, index, self.exposure, self.tried)
        if pair is not None:
            self.pairs.append(pair)
        if self.cameras is not None:
            pixels = check_depth.sample(earlier, later, index, Reading())
            self.off[index] = check_depth.stray_error(pixels, self.cameras[index], self.cameras[index - 1])

    def _note(self, check: Check, message: str) -> None:
        self.findings.append(Finding(check, message, kind="note"))

    def _report_values(
        self,
        problems: dict[tuple[Check, str, str], dict[int, float]],
        sizes: dict[tuple[int, int], list[int]],
        curve: CurveWatch,
    ) -> None:
        for (check, words, remedy), shares in problems.items():
            worst = max(shares.values())
            self.findings.append(Finding(check, f"{words}: {_percent(worst)} of the pixels", tuple(shares), remedy=remedy))
            if words == NO_DISTANCE:
                self.no_distance = self.findings[-1]
        usual = max(sizes, key=lambda size: len(sizes[size]), default=None)
        for size, indices in sizes.items():
            if size != usual and usual is not None:
                message = f"the size is {size[1]}x{size[0]}, that of the other frames {usual[1]}x{usual[0]}"
                self.findings.append(Finding("buffers", message, tuple(indices)))
        bent = curve.verdict()
        if bent:
            self.findings.append(Finding("colour", bent[0], remedy=bent[1]))

    def _report_jitters(self, jitters: set[tuple[float, float]]) -> None:
        if len(self.frames) > 1 and len(jitters) == 1:
            (jitter,) = jitters
            if jitter == (0.0, 0.0):
                self._note("jitter", "the frames are not jittered")
            else:
                self._note("jitter", f"jitter is {jitter} in every frame: it does not show what is between the samples")

    def report(self) -> Report:
        """Judge what was read."""
        cuts = self._judge_order()
        pairs = [pair for pair in self.pairs if pair.frame not in cuts]
        if pairs:
            self._judge_motion(pairs)
            self._judge_depth([pair.frame for pair in pairs])
        elif len(self.frames) > 1:
            self._note("motion", "no two frames follow each other that could be compared: motion and jitter were not checked")
        order = {"mistake": 0, "note": 1}
        found = sorted(self.findings, key=lambda finding: order[finding.kind])
        return Report(len(self.frames), len(pairs), tuple(found), self.measured, self.reading)

    def _judge_order(self) -> set[int]:
        """The frames that do not go on from the one before."""
        reading = check_motion.judge(self.pairs, self.tried).reading if self.pairs else Reading()
        swap = exchanged(self.frames, self.pairs, reading, self.tried.index(reading), self.exposure) if self.pairs else None
        if swap is not None:
            (one, other), errors = swap.frames, f"error {swap.error:.3f} against {swap.stated:.3f}"
            remedy = "store each under its own number"
            self.findings.append(
                Finding("order", f"frames {one} and {other} look exchanged: {errors}", swap.frames, remedy=remedy)
            )
            return {one, one + 1, other, other + 1}
        stray = check_depth.strays(self.off)
        if stray:
            words = "depth and motion are not what the cameras of these frames saw, as in the others: files may be exchanged"
            self.findings.append(Finding("order", words, tuple(stray)))
        cuts = check_motion.missing_cuts(self.pairs)
        if cuts:
            words = "shows nothing of the frame before, but is not marked as a cut"
            self.findings.append(Finding("cut", words, tuple(cuts)))
        return {*cuts, *stray}

    def _judge_motion(self, pairs: list[NeighbourMatch]) -> None:
        verdict = check_motion.judge(pairs, self.tried)
        if check_motion.is_upside_down(pairs, self.tried.index(verdict.reading)):
            words = "colour is upside down against motion, depth and jitter"
            self.findings.append(Finding("colour", words, remedy="store its rows from the top to the bottom"))
            return
        self.reading = verdict.reading
        self.measured |= {"motion error": verdict.stated, "motion error of the best reading": verdict.error}
        errors = f"error {verdict.error:.3f} against {verdict.stated:.3f}"
        motion: MotionReading = verdict.reading.motion
        if motion != STATED_MOTION:
            or_else = ""
            if verdict.either_way and motion.in_time().oddity == motion.oddity:
                or_else = f" (or {motion.in_time().oddities}: as good a fit)"
            self.findings.append(Finding("motion", f"{motion.remark}{or_else}: {errors}", remedy=motion.remedy))
        mistake = check_motion.jitter_mistake(verdict.reading, pairs)
        if mistake is not None:
            self.findings.append(Finding(mistake.about, f"{mistake.words}: {errors}", remedy=mistake.remedy))

    def _judge_depth(self, indices: list[int]) -> None:
        if self.reading.motion.following or self.reading.motion.axes.signs == (0, 0):
            self._note("depth", "depth was not compared with the motion, which must be right first")
            return
        chosen = _spread(indices, DEPTH_PAIRS)
        found = self._by_cameras(chosen) if self.cameras is not None else None
        if found is None:
            found = self._by_order(indices) or self._by_range(chosen)
        if found:
            if self.no_distance is not None:  # which says less
                self.findings.remove(self.no_distance)
            self.findings += found

    def _by_cameras(self, indices: Sequence[int]) -> list[Finding] | None:
        """What is wrong, if anything; None if the cameras cannot tell."""
        assert self.cameras is not None
        pairs = [
            check_depth.camera_pair(self.frames[index - 1], self.frames[index], index, self.reading, self.cameras)
            for index in indices
        ]
        verdict = check_depth.by_cameras(pairs)
        self.measured["depth and camera against motion, pixels"] = verdict.stated
        if verdict.is_right:
            return [] if self._camera_moves(pairs) else None
        if verdict.error < check_depth.BETTER * verdict.stated:
            off = f"{verdict.error:.2f} pixels off against {verdict.stated:.2f}"
            mistake = verdict.mistake
            return [Finding(mistake.about, f"{mistake.words}: carried by the cameras, {off}", remedy=mistake.remedy)]
        if verdict.stated > 1:
            off = f"half of the pixels are off by {verdict.stated:.2f}"
            return [Finding("depth", f"depth, motion and the camera matrices do not agree: {off}")]
        return None

    def _camera_moves(self, pairs: list[check_depth.CameraPair]) -> bool:
        """Whether depth matters to where the cameras carry things."""
        moved = (check_depth.parallax(pair.samples[False, False], pair.now, pair.before) for pair in pairs)
        return any(pixels > check_depth.RIGHT_ENOUGH for pixels in moved)

    def _by_order(self, indices: Sequence[int]) -> list[Finding]:
        """What comes into sight, from one frame to the next, or over more of them until it is enough."""
        nearer = farther = 0
        for span in range(2, check_depth.SPAN + 1):
            compared = set(indices)
            ends = [index for index in indices if _run_before(index, compared) >= span - 1]
            shots = ([self.frames[index] for index in range(end - span + 1, end + 1)] for end in _spread(ends, DEPTH_PAIRS))
            counts = [check_depth.hidden_by_farther(shot, self.reading) for shot in shots]
            nearer, farther = sum(count[0] for count in counts), sum(count[1] for count in counts)
            if nearer + farther >= check_depth.LEAST_COUNT:
                break
        if nearer + farther < check_depth.LEAST_COUNT or farther < check_depth.ONE_SIDED * (nearer + farther):
            return []
        share = _percent(farther / (nearer + farther))
        words = f"depth looks inverted: {share} of what comes into sight is nearer than what hid it"
        return [Finding("depth", words, remedy="store the distance")]

    def _by_range(self, indices: Sequence[int]) -> list[Finding]:
        kind = check_depth.bounded_kind([self.frames[index] for index in indices])
        remedy = "store the distance along the view axis, and infinity for the background"
        return [Finding("depth", kind, remedy=remedy)] if kind else []


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """At most so many of them, evenly spread."""
    if not indices:
        return []
    return [indices[place] for place in np.unique(np.linspace(0, len(indices) - 1, count).astype(int))]


def _run_before(index: int, compared: set[int]) -> int:
    """How many frames up to this one each follow the one before."""
    length = 0
    while index - length in compared:
        length += 1
    return length


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 1e-3 else f"{share:.3%}"
