"""The rasteriser at 960x540: milliseconds a frame of each theme with all buffers, of its passes, and of a target at x2.

A pass is timed by itself, with the graphics card or the software that stands in for one idle before and after it; a whole
frame is less than their sum, as they overlap. The first frames, in which shaders are compiled, do not count.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent))
from _report import write

from upframe.renderers.raster.rasteriser import Rasteriser
from upframe.renderers.scenes import THEMES, generate

SIZE, SEED, FRAMES, WARM_UP, SAMPLES = (540, 960), 3, 20, 3, 16
PASSES = {
    "shadows of what moves": "_cast_shadows",
    "geometry": "_draw_geometry",
    "openness": "_open",
    "light": "_illuminate",
    "reflections": "_reflect_glossy",
}


def summary(times: list[float]) -> dict[str, float]:
    """Milliseconds: the median, and between what lie half of them."""
    quarters = statistics.quantiles(times, n=4)
    return {"median_ms": round(quarters[1], 2), "quarter_ms": round(quarters[0], 2), "three_quarters_ms": round(quarters[2], 2)}


def frames_of(rasteriser: Rasteriser, *, shaded: bool) -> dict[str, float]:
    """Of whole frames, read back."""
    times = []
    for frame in range(WARM_UP + FRAMES):
        started = time.perf_counter()
        rasteriser.render(frame, SIZE, shaded=shaded)
        times.append((time.perf_counter() - started) * 1e3)
    return summary(times[WARM_UP:])


def passes_of(rasteriser: Rasteriser) -> dict[str, dict[str, float]]:
    """Of each pass, by itself."""
    times: dict[str, list[float]] = {name: [] for name in PASSES}
    for name, method in PASSES.items():
        setattr(rasteriser, method, timed(rasteriser, getattr(rasteriser, method), times[name]))
    for frame in range(WARM_UP + FRAMES):
        rasteriser.render(frame, SIZE)
    return {name: summary(values[WARM_UP:]) for name, values in times.items() if values}


def timed(rasteriser: Rasteriser, method: Callable[..., object], times: list[float]) -> Callable[..., object]:
    """The method, with what it takes added to ``times``."""

    def run(*arguments: object) -> object:
        rasteriser.finish()
        started = time.perf_counter()
        result = method(*arguments)
        rasteriser.finish()
        times.append((time.perf_counter() - started) * 1e3)
        return result

    return run


def main() -> None:
    figures: dict[str, object] = {"size": "960x540", "seed": SEED, "frames": FRAMES}
    for theme in THEMES:
        with Rasteriser(generate(theme, SEED)) as rasteriser:
            figures["renderer"] = rasteriser.device
            whole = frames_of(rasteriser, shaded=True)
            unshaded = frames_of(rasteriser, shaded=False)
            started = time.perf_counter()
            rasteriser.target(0, (2 * SIZE[0], 2 * SIZE[1]), samples=SAMPLES)
            target = round((time.perf_counter() - started) * 1e3, 1)
            figures[theme] = {
                "frame": whole | {"fps": round(1e3 / whole["median_ms"], 1)},
                "without colour": unshaded,
                f"target at x2, {SAMPLES} samples": {"ms": target},
                "passes": passes_of(rasteriser),
            }
    write("raster_speed", figures)


if __name__ == "__main__":
    main()
