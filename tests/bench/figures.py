"""What was measured, beside its reference and its aim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

_HEAD = ("what", "measured", "reference", "aim", "met")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `aim` is the most, or with `at_least` the least, that it should be."""

    what: str
    value: float
    unit: str
    reference: str = ""
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the aim was reached; None where there is none."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value < self.aim

    def row(self) -> tuple[str, ...]:
        """The figure as a table's row."""
        aim = "" if self.aim is None else f"{'≥' if self.at_least else '<'} {self.aim:g} {self.unit}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return self.what, f"{_number(self.value)} {self.unit}", self.reference, aim, met


def table(figures: Iterable[Figure]) -> str:
    """All figures as a Markdown table."""
    rows = [_HEAD, *(figure.row() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[int(0.95 * (len(values) - 1))]


def milliseconds(what: str, seconds: Sequence[float], aim: float | None = None, reference: str = "") -> list[Figure]:
    """Median, which the aim is for, and 95th percentile."""
    return [
        Figure(f"{what}, median", median(seconds) * 1_000, "ms", reference, aim),
        Figure(f"{what}, p95", p95(seconds) * 1_000, "ms"),
    ]


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
