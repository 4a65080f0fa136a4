"""The figures of run.py as tables and an image: docs/performance.md (between its two marks) and docs/performance.svg.

    python benchmarks/speed/table.py

Made from benchmarks/results/speed.*.json, the newest of each machine. Nothing in between is written by hand.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from _report import RESULTS, ROOT

PAGE, IMAGE = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.svg"
BEGIN, END = "<!-- made by benchmarks/speed/table.py: begin -->", "<!-- end -->"
COLOURS = {"published code": "#b9a08c", "Upframe": "#2f6f9f", "limit of the machine": "#9fb8a0"}


def newest() -> list[dict[str, Any]]:
    """The newest result of each machine and number of threads."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for path in RESULTS.glob("speed.*.json"):
        content = json.loads(path.read_text())
        machine = content["machine"]
        key = (machine["gpu"] or machine["processor"], machine["torch_threads"])
        if key not in found or found[key]["when"] < content["when"]:
            found[key] = content
    return [found[key] for key in sorted(found)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Markdown: the first column left, the others right."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" + " ---: |" * (len(head) - 1)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def milliseconds(times: dict[str, float] | None) -> str:
    """The median and, behind it, half the distance of the quartiles."""
    if times is None:
        return "-"
    return f"{times['median_ms']:,.1f} ± {(times['upper_quartile_ms'] - times['lower_quartile_ms']) / 2:,.1f}"


def section(result: dict[str, Any]) -> list[str]:
    """All tables of one machine."""
    machine, figures = result["machine"], result["figures"]
    rates = figures["rates"]["float32"]
    name = machine["gpu"] or machine["processor"]
    return [
        f"## {name}, {machine['torch_threads']} threads",
        "",
        f"Measured {result['when'][:10]} at commit {result['commit']}, PyTorch {machine['torch']}, float32. It computes "
        f"{rates['convolution'] / 1e9:,.0f} G multiply-adds a second in a 3x3 convolution of 64 channels "
        f"({figures['rates']['bfloat16']['convolution'] / 1e9:,.0f} G in bfloat16), {rates['matrix'] / 1e9:,.0f} G in a "
        f"product of two matrices, and moves {rates['bandwidth'] / 1e9:,.1f} GB a second.",
        "",
        *alone(figures["alone"], figures["end_to_end"]),
        *growth(figures),
    ]


def alone(rows: list[dict[str, Any]], whole: list[dict[str, Any]]) -> list[str]:
    """Each network: end to end, alone, the limit, the published code."""
    lines = []
    for row, arrays in zip(rows, whole, strict=True):
        limit, ratio = row["limit"], row.get("published_over_upframe", {})
        lines.append(
            [
                row["case"] + (f", {row['frames']} frames" if row["frames"] > 1 else ""),
                milliseconds(row.get("published")),
                milliseconds(row["upframe"]),
                f"{ratio['wall']:.2f}" if ratio else "-",
                milliseconds(arrays["upframe"]),
                f"{max(limit['by_arithmetic_ms'], limit['by_memory_ms']):,.1f}",
                f"{limit['share_of_limit']:.0%}",
                f"{limit['share_of_convolution_rate']:.0%}",
                f"{limit['own_convolutions_ms']:,.1f}",
            ]
        )
    head = [
        "milliseconds a frame",
        "published",
        "Upframe",
        "times as fast",
        "end to end",
        "limit",
        "of the limit",
        "of the convolutions' rate",
        "own convolutions",
    ]
    return table(head, lines)


def growth(figures: dict[str, Any]) -> list[str]:
    """With frames, with pixels, and in memory."""
    frames = figures["growth_with_frames"]
    lines = [f"Growth with frames ({frames['case']}), milliseconds a frame:", ""]
    lines += table(
        ["frames", "published", "Upframe"],
        ([str(row["frames"]), milliseconds(row.get("published")), milliseconds(row["upframe"])] for row in frames["rows"]),
    )
    lines += ["Growth with pixels, nanoseconds a pixel of the small frame:", ""]
    cells = [
        [case["case"], *(f"{row['size']}: {row['ns_a_pixel']:,.0f}" for row in case["rows"])]
        for case in figures["growth_with_pixels"]
    ]
    lines += table(["network", "smaller", "", "as above"], cells)
    lines += ["Memory of a whole program that streams, at most:", ""]
    cells = [
        [case["case"], *(f"{row['frames']} frames: {row['peak_megabytes']} MB" for row in case["rows"])]
        for case in figures["memory"]
    ]
    return lines + table(["", "", ""], cells)


def image(rows: list[dict[str, Any]], title: str) -> str:
    """Bars on a logarithmic scale of milliseconds a frame."""
    bars = [(row["case"], bars_of(row)) for row in rows]
    values = [value for _, group in bars for value in group.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    left, width, line = 170, 520, 16
    height = sum(len(group) * line + 14 for _, group in bars) + 70

    def place(value: float) -> float:
        return left + width * (math.log10(value) - low) / max(high - low, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {height}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for power in range(low, high + 1):
        x = place(10**power)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="{height - 20}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle" fill="#555555">{10**power:g} ms</text>')
    for number, (label, colour) in enumerate(COLOURS.items()):
        parts.append(f'<rect x="{left + 170 * number}" y="10" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{left + 170 * number + 18}" y="20" fill="#333333">{label}</text>')
    y = 40
    for label, group in bars:
        middle = y + len(group) * line / 2 + 4
        parts.append(f'<text x="{left - 8}" y="{middle:.0f}" text-anchor="end" fill="#222222">{escape(label)}</text>')
        for kind, value in group.items():
            parts.append(
                f'<rect x="{left}" y="{y}" width="{place(value) - left:.1f}" height="{line - 3}" fill="{COLOURS[kind]}"/>'
            )
            parts.append(f'<text x="{place(value) + 5:.1f}" y="{y + 11}" fill="#333333">{value:,.1f}</text>')
            y += line
        y += 14
    return "\n".join([*parts, "</svg>", ""])


def bars_of(row: dict[str, Any]) -> dict[str, float]:
    """What is drawn of a network, in the order of the legend."""
    limit = max(row["limit"]["by_arithmetic_ms"], row["limit"]["by_memory_ms"])
    published = {"published code": row["published"]["median_ms"]} if "published" in row else {}
    return published | {"Upframe": row["upframe"]["median_ms"], "limit of the machine": limit}


def main() -> None:
    results = newest()
    if not results:
        sys.exit("no results yet: run benchmarks/speed/run.py first")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    plot = "![Milliseconds a frame: published code, Upframe, and the limit of the machine](performance.svg)"
    lines = [BEGIN, "", plot, "", *(line for result in results for line in section(result)), END]
    PAGE.write_text(before + "\n".join(lines) + after)
    shown = results[0]
    IMAGE.write_text(image(shown["figures"]["alone"], f"Milliseconds a frame, {shown['machine']['processor']}"))
    print(f"{PAGE.relative_to(ROOT)} and {IMAGE.relative_to(ROOT)} from {len(results)} results")


if __name__ == "__main__":
    main()
