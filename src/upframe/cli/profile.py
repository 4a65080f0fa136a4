"""``upframe profile``: what a model costs on a frame of a given size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from upframe.cli.errors import one_line
from upframe.cli.options import AsJson, Debug, Device, ModelName, Precision, Threads
from upframe.cli.printing import cell, console, printable

if TYPE_CHECKING:
    from upframe.engine.profile import Profile


def profile(
    model: ModelName,
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="Size of the frame before upscaling.", show_default=False)],
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How many runs are timed, after two that are not.")] = 10,
    random: Annotated[
        bool,
        typer.Option(
            "--random",
            help="Random weights in a published network, MODEL being rt4ksr-x2, frvsr-x4, ttvsr-x4, nsrr-x4 or stssnet-x2.",
        ),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Measure a model: parameters, multiply-adds, memory, time and receptive field.

    Of the network alone, without decoding, encoding or resizing, beside the least time this machine's measured rates allow. A
    network that takes a clip is measured on one, and multiply-adds and times are those of one of its frames.
    """
    with one_line(debug=debug):
        from upframe.engine.profile import profile as measure
        from upframe.engine.profile import published
        from upframe.engine.size import parse_size
        from upframe.models import load
        from upframe.runtime.memory import keep_freed_memory

        height, width = parse_size(size)
        loaded = published(model) if random else load(model)
        keep_freed_memory()
        result = measure(loaded, height, width, device=device, precision=precision, threads=threads, repeats=repeats)
        if as_json:
            print(json.dumps(result.as_dict()))
        else:
            _print_table(result)


def _print_table(result: Profile) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", style="bold")
    table.add_column(overflow="fold")
    for row in _rows(result):
        table.add_row(*map(cell, row))
    screen = console()
    sizes = f"{result.width}x{result.height} -> {result.width * result.scale}x{result.height * result.scale}"
    frames = f", a frame of {result.frames}" if result.frames > 1 else ""
    threads = f", threads: {result.threads}" if result.device == "cpu" else ""
    screen.print(
        f"[bold]{escape(printable(result.model))}[/]  {sizes}{frames}, {escape(result.device)}, {result.precision}{threads}",
        highlight=False,
    )
    screen.print(table)


def _rows(result: Profile) -> list[tuple[str, str, str]]:
    """Name, number and remark."""
    rows = [
        ("parameters", f"{result.parameters:,}", ""),
        ("multiply-adds", _giga(result.multiply_adds), "torch's counter"),
        ("  in convolutions", _giga(result.convolution_multiply_adds), ""),
    ]
    on_output = result.convolution_multiply_adds_on_output
    if on_output != result.convolution_multiply_adds:
        rows.append(("", _giga(on_output), "with transposed convolutions counted on their output"))
    rows.append(("activation memory", f"{result.activation_bytes / 2**20:,.1f} MiB", "largest sum of live tensors"))
    if result.peak_bytes is not None:
        whole = "of the whole program" if result.device == "cpu" else "of all tensors"
        rows.append(("peak memory", f"{result.peak_bytes / 2**20:,.1f} MiB", whole))
    low, median, high = (
        seconds * 1e3 for seconds in (result.lower_quartile_seconds, result.median_seconds, result.upper_quartile_seconds)
    )
    rows.append(("latency", f"{median:.2f} ms", f"median of {result.repeats}, quartiles {low:.2f} to {high:.2f} ms"))
    rates = f"{result.convolution_rate / 1e9:,.1f} G multiply-adds and {result.bandwidth / 1e9:,.1f} GB a second here"
    rows.append(("least possible", f"{result.limit_seconds * 1e3:.2f} ms", f"run layer by layer, at {rates}"))
    rows.append(("  reached", f"{result.share_of_limit:.0%}", "of it, by the median"))
    side = result.receptive_field
    field = "unbounded" if side is None else f"{side}x{side}"
    remark = {
        "stated": "pixels, at most",
        "measured": "pixels, measured with these weights",
        "unbounded": "beyond 64x64 pixels",
    }
    rows.append(("receptive field", field, remark[result.receptive_field_is]))
    return rows


def _giga(number: int) -> str:
    return f"{number / 1e9:,.4g} G"
