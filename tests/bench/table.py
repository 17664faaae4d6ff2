"""The table that the bench prints. Pure: comparisons → text."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.sample import Comparison

HEADS = ("what", "ours", "other", "ratio", "target", "spread", "CPU ratio", "others' load")


def table(comparisons: Sequence[Comparison]) -> str:
    """One line for each other contender; the target belongs to the first of them."""
    rows = [HEADS, *(line for each in comparisons for line in lines(each))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def lines(comparison: Comparison) -> list[tuple[str, ...]]:
    """The comparison with each of the others."""
    found: list[tuple[str, ...]] = []
    for position, pair in enumerate(comparison.pairs):
        low, high = pair.spread
        target = comparison.target if position == 0 else None
        cpu = pair.cpu_ratio
        found.append(
            (
                comparison.what if position == 0 else "",
                seconds(pair.ours.wall),
                f"{seconds(pair.other.wall)} {pair.name}",
                f"{pair.ratio:.2f}",
                "" if target is None else f"{'met' if pair.ratio <= target else 'MISSED'} {target:g}",
                f"{low:.2f} to {high:.2f}",
                "" if cpu is None else f"{cpu:.2f}",
                f"{comparison.busy:.1f} cores" if position == 0 else "",
            )
        )
    return found


def seconds(value: float) -> str:
    """`78 ms`, `1.24 s`."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
