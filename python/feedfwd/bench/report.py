"""Tables and pictures of what `timing.compare` found."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from typing import Any

from feedfwd import plotting
from feedfwd.bench import cases, peers, timing
from feedfwd.bench.process import shown_place

# kind: what its table is headed, what a figure in it is, and by what its seconds are multiplied;
# the figures of products are GFLOP/s, of which more is better.
KINDS = {
    "training": ("training", "ms per epoch", 1e3),
    "prediction": ("prediction", "us per call", 1e6),
    "product": ("matrix product", "GFLOP/s", None),
}
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"),
    *("#56B4E9", "#F0E442", "#000000", "#999999"),
)
Found = dict[str, Any]


def tables(found: Found, markdown: bool = False) -> str:
    """All cases, a table for each kind of them, and what the columns mean."""
    parts = []
    for kind in KINDS:
        rows = [c for c in found["cases"] if c["case"]["kind"] == kind]
        if rows:
            parts.append(laid_out(table(found, rows, kind, markdown), markdown))
        if kind == "product" and len(rows) > 1:
            parts.append("\n".join(means(rows)))
    return "\n\n".join([*parts, "\n".join(legend(found))])


def table(found: Found, rows: Sequence[Found], kind: str, markdown: bool) -> list[list[str]]:
    """The cells; the first row is the head."""
    threads = places({r["threads"] for row in rows for r in row["results"]})
    names = [n for n in peers.NAMES if any(r["peer"] == n for row in rows for r in row["results"])]
    goals = any(row["case"]["goal"] is not None for row in rows)
    title, unit, _ = KINDS[kind]
    on_gpu = 0 in threads
    head = [f"{title}: {unit} at {shown_places(threads)}", *names]
    head += ["best peer / feedfwd", *(["goal"] if goals else [])]
    head += ["on the GPU", "CPU / GPU"] if on_gpu else []
    head += ["roof" if kind == "product" else "floor", "times the floor", "FMA peak", "memory"]
    cells = [head]
    for row in rows:
        case = cases.from_dict(row["case"])
        cells.append(
            [
                row["name"],
                *(" / ".join(cell(row, name, n, markdown) for n in threads) for name in names),
                ratio(row),
                *([f"{case.goal:g}" if case.goal is not None else "-"] if goals else []),
                *([ratio(row, "gpu_"), crossing(row)] if on_gpu else []),
                *limits(case, row, found["roofs"]),
            ]
        )
    return cells


def figure(case: cases.Case, seconds: float) -> str:
    """In the unit of the case's table."""
    scale = KINDS[cases.kind_of(case)][2]
    value = case.flops() / seconds / 1e9 if scale is None else scale * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cell(row: Found, name: str, threads: int, markdown: bool) -> str:
    """One peer's figure; the best peer's is bold."""
    if f"{name}/{shown_place(threads)}" in row["failed"]:
        return "failed"
    for r in row["results"]:
        if (r["peer"], r["threads"]) == (name, threads):
            text = figure(cases.from_dict(row["case"]), r["seconds"]["median"])
            best = (row.get("best_peer"), row.get("best_threads")) == (name, threads)
            if not r["agrees"]:
                return f"{text} void"
            return f"**{text}**" if best and markdown else text
    return "-"


def places(threads: set[int]) -> list[int]:
    """Numbers of threads, and the GPU after them."""
    return sorted(threads, key=lambda n: (n == 0, n))


def shown_places(threads: Sequence[int]) -> str:
    """1 / 2 threads / GPU."""
    counts = [str(n) for n in threads if n]
    words = [f"{' / '.join(counts)} thread{'s' if counts != ['1'] else ''}"] if counts else []
    return " / ".join([*words, *(["GPU"] if 0 in threads else [])])


def crossing(row: Found) -> str:
    """How much longer feedfwd takes on the CPU than on the GPU."""
    if "cpu_over_gpu" not in row:
        return "-"
    r = row["cpu_over_gpu"]
    return f"{r['median']:.2f} ({r['quartile_1']:.2f} to {r['quartile_3']:.2f})"


def ratio(row: Found, prefix: str = "") -> str:
    """How much longer the best peer takes than feedfwd, on the same device."""
    if f"{prefix}ratio" not in row:
        return "-"
    r = row[f"{prefix}ratio"]
    who = f"{row[f'{prefix}best_peer']}/{shown_place(row[f'{prefix}best_threads'])}"
    return f"{r['median']:.2f} ({r['quartile_1']:.2f} to {r['quartile_3']:.2f}) {who}"


def limits(case: cases.Case, row: Found, roofs: Found) -> list[str]:
    """The floor, how far feedfwd is above it, its shares of both peaks."""
    mine = timing.ours(row["results"], "cuda" if "0" in roofs else "cpu")
    roof, seconds = roofs[str(mine["threads"])], mine["seconds"]["median"]
    floor = timing.floor_seconds(case, roof)
    moved = case.bytes(timing.CACHE_BYTES)
    arithmetic = case.flops() / seconds / roof["fma_flops_per_second"]
    memory = moved / seconds / roof["copy_bytes_per_second"]
    return [
        figure(case, floor),
        f"{seconds / floor:.3g}",
        f"{100 * arithmetic:.0f} %",
        f"{100 * memory:.0f} %" if moved else "-",
    ]


def means(rows: Sequence[Found]) -> list[str]:
    """Geometric means of each peer's time over feedfwd's at as many threads."""
    said = []
    for threads in places({r["threads"] for row in rows for r in row["results"]}):
        ratios: dict[str, list[tuple[float, bool]]] = {}  # and whether the shape is skinny
        for row in rows:
            case = cases.from_dict(row["case"])
            skinny = isinstance(case, cases.Product) and case.skinny
            seconds = {
                r["peer"]: r["seconds"]["median"]
                for r in row["results"]
                if r["threads"] == threads and r["agrees"]
            }
            mine = seconds.pop("feedfwd", None)
            if mine is None:
                continue
            if len(seconds) > 1:
                seconds["best"] = min(seconds.values())
            for name, taken in seconds.items():
                ratios.setdefault(name, []).append((taken / mine, skinny))
        for name, found in ratios.items():
            every, thin = [r for r, _ in found], [r for r, skinny in found if skinny]
            where = shown_place(threads)
            text = f"{name}/{where} over feedfwd/{where}: geometric mean of {len(every)} shapes"
            text += f" {statistics.geometric_mean(every):.2f}, least {min(every):.2f}"
            if thin:
                text += f"; {len(thin)} with a side up to 16: {statistics.geometric_mean(thin):.2f}"
            said.append(f"{text}.")
    return said


def laid_out(cells: list[list[str]], markdown: bool) -> str:
    """Columns under each other, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        [
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(r, widths, strict=True))
        ]
        for r in cells
    ]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def legend(found: Found) -> list[str]:
    """What the columns mean, and what is not in them."""
    on_gpu = "0" in found["roofs"]
    most = "0" if on_gpu else max(found["roofs"], key=int)
    roof = found["roofs"][most]
    count = "its most threads" if on_gpu else f"{most} thread{'s' if most != '1' else ''}"
    lines = [
        f"Medians of {found['rounds']} turns. Ratios, with quartiles: the best peer's time over "
        f"feedfwd's at {count}; what comes after them is feedfwd's too"
        + (", on the GPU." if on_gpu else "."),
        "Floor (of products: roof): what arithmetic at the measured FMA peak, "
        f"{roof['fma_flops_per_second'] / 1e9:.0f} GFLOP/s, or memory traffic at the measured "
        f"bandwidth, {roof['copy_bytes_per_second'] / 1e9:.3g} GB/s, alone would take; then "
        "the shares of these two.",
    ]
    results = [r for row in found["cases"] for r in row["results"]]
    if not all(r["agrees"] for r in results):
        lines.append("Void: it computes something else.")
    lines += [f"{name} is left out: {why}." for name, why in found["gaps"].items()]
    for row in found["cases"]:
        lines += [f"{row['name']}: {why}." for why in row["failed"].values()]
    return lines


# ---- pictures


def panels(wanted: Sequence[cases.Case]) -> list[tuple[str, str, list[tuple[int, int]]]]:
    """Each a title, what the x axis shows, and points: (x, index of the case), at least two.

    Cases that differ in batch size alone share a panel, and so do those that differ in the width of
    their hidden layers alone, or of all layers.
    """
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for i, case in enumerate(wanted):
        if isinstance(case, cases.Product):
            continue
        if isinstance(case, cases.Training):
            what, axis, size = f"training, {case.optimizer}, {case.loss}", "batch size", case.batch
            what += f", dropout {case.dropout:g}" if case.dropout else ""
        else:
            what, axis, size = "prediction", "rows of a call", case.rows
        net = cases.shown_widths(case.widths)
        found.setdefault((f"{what}: {net}", axis), []).append((size, i))
        first, *hidden, last = case.widths
        named = f"{what}, {axis} {size}"
        depth = f"{len(hidden)} hidden layer{'s' if len(hidden) != 1 else ''}"
        if len(set(hidden)) == 1:
            title = f"{named}: {first} inputs, {depth}, {last} outputs"
            found.setdefault((title, "width"), []).append((hidden[0], i))
        if len(set(case.widths)) == 1:
            title = f"{named}: {depth}, all as wide"
            found.setdefault((title, "width"), []).append((first, i))
    return [
        (title, axis, sorted(points))
        for (title, axis), points in found.items()
        if len({x for x, _ in points}) > 1
    ]


def plot(found: Found, path: str | os.PathLike[str]) -> None:
    """Rows per second over batch size and over width, where the cases vary in these.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: they vary in neither.
    """
    wanted = [cases.from_dict(row["case"]) for row in found["cases"]]
    drawn = panels(wanted)
    if not drawn:
        raise ValueError("plot: the cases vary neither in batch size nor in width")
    columns = min(len(drawn), 2)
    picture, axes = plotting.axes(path, columns, -(-len(drawn) // columns))
    for axis in axes[len(drawn) :]:
        axis.set_axis_off()
    for axis, (title, what, points) in zip(axes, drawn, strict=False):
        axis.set(title=title, xlabel=what, ylabel="rows per second", xscale="log", yscale="log")
        axis.title.set_fontsize("small")
        ticks = sorted({x for x, _ in points})
        axis.set_xticks(ticks, map(str, ticks))
        axis.set_xticks([], minor=True)
        for (name, threads), line in lines(found, points).items():
            style = {
                "color": COLOURS[peers.NAMES.index(name)],
                "marker": ".",
                "label": f"{name}/{shown_place(threads)}",
            }
            stroke = {0: "-.", 1: "--"}.get(threads, "-")
            axis.plot(*zip(*line, strict=True), linestyle=stroke, **style)
        if (x := crossover(lines(found, points))) is not None:
            axis.axvline(x, color="0.6", linestyle=":", label=f"GPU ahead from {x:,.0f}")
        axis.legend(fontsize="small")
    plotting.finish(picture, path)


def lines(
    found: Found, points: Sequence[tuple[int, int]]
) -> dict[tuple[str, int], list[tuple[int, float]]]:
    """A panel's points by peer and threads; void ones are none."""
    drawn: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for x, i in points:
        row = found["cases"][i]
        for r in row["results"]:
            if r["agrees"]:
                speed = row["case"]["rows"] / r["seconds"]["median"]
                drawn.setdefault((r["peer"], r["threads"]), []).append((x, speed))
    return drawn


def crossover(drawn: dict[tuple[str, int], list[tuple[int, float]]]) -> float | None:
    """Where feedfwd's line on the GPU rises above its best on the CPU, on logarithmic axes.

    The first point where it is ahead from the beginning, None where it never is.
    """
    gpu = dict(drawn.get(("feedfwd", 0), []))
    cpu: dict[int, float] = {}
    for (name, threads), line in drawn.items():
        if name == "feedfwd" and threads:
            for x, speed in line:
                cpu[x] = max(speed, cpu.get(x, 0.0))
    both = sorted(set(gpu) & set(cpu))
    lead = [math.log(gpu[x] / cpu[x]) for x in both]
    for i, x in enumerate(both):
        if lead[i] > 0 and i == 0:
            return float(x)
        if lead[i] > 0:
            part = -lead[i - 1] / (lead[i] - lead[i - 1])
            return float(both[i - 1] * (x / both[i - 1]) ** part)
    return None
