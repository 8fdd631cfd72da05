"""What a benchmark found, for people and for machines."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One way of enlarging, one image size.

    `study` names what is varied: "size", "depth", "devices"; "network" is the network
    alone, on an image that is on the device already. `edge` is output pixels in Y and
    X; `seconds` are medians, from host memory to host memory but for the network alone;
    `memory` is the most bytes in use beyond the images, None where nothing tells them;
    `limit_share` is the part of the machine's matrix products per second that the
    network made. What was not tried the usual way is None.
    """

    study: str
    device: str
    precision: str
    engine: str
    depth: int
    edge: int
    devices: int
    seconds: float
    usual_seconds: float | None
    memory: int | None
    usual_memory: int | None
    limit_share: float

    @property
    def megapixels_per_second(self) -> float:
        """Output megapixels per second."""
        return self.devices * self.edge**2 / self.seconds / 1e6

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the usual way."""
        return self.usual_seconds / self.seconds if self.usual_seconds else None


@dataclass(frozen=True)
class Bench:
    """All that one run measured.

    `limits` are rates: matrix products (operations/s) and copies (bytes/s). `agreement`
    is the largest error against float64 on a small image, in parts of its range.
    """

    machine: dict[str, str]
    limits: dict[str, float] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        rows = [
            {
                **asdict(row),
                "megapixels_per_second": row.megapixels_per_second,
                "ratio": row.ratio,
            }
            for row in self.rows
        ]
        return {**asdict(self), "rows": rows}

    def to_text(self) -> str:
        """Tables for people."""
        lines = [f"{name}: {value}" for name, value in self.machine.items()]
        lines += ["", "Limits measured here:"]
        for name, value in self.limits.items():
            unit = "GB/s" if name.startswith("copy") else "GFLOP/s"
            lines.append(f"  {name}: {value / 1e9:,.0f} {unit}")
        lines += ["", "Largest error against float64, in parts of the image's range:"]
        lines += [f"  {name}: {value:.1e}" for name, value in self.agreement.items()]
        for study, title in _TITLES.items():
            rows = [row for row in self.rows if row.study == study]
            if rows:
                lines += ["", title, _HEADING, *map(_line, rows)]
        return "\n".join(lines)


_TITLES = {
    "size": "Growth with image size (uint16 enlarged twice, host to host):",
    "network": "The network alone, on one tile:",
    "depth": "Growth with depth:",
    "devices": "Growth with the number of devices:",
}
_HEADING = (
    f"  {'device':8} {'precision':9} {'engine':8} {'depth':>5} {'output':>6} "
    f"{'devices':>7} {'time':>9} {'MPix/s':>8} {'usual':>9} {'ratio':>6} "
    f"{'of limit':>8} {'memory':>8} {'usual':>8}"
)


def _line(row: Row) -> str:
    usual = "-" if row.usual_seconds is None else f"{row.usual_seconds:.3f} s"
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
    return (
        f"  {row.device:8} {row.precision:9} {row.engine:8} {row.depth:5d} "
        f"{row.edge:6d} {row.devices:7d} {row.seconds:7.3f} s "
        f"{row.megapixels_per_second:8.3f} {usual:>9} {ratio:>6} "
        f"{row.limit_share:8.0%} {_megabytes(row.memory):>8} "
        f"{_megabytes(row.usual_memory):>8}"
    )


def _megabytes(memory: int | None) -> str:
    return "-" if memory is None else f"{memory / 1e6:.0f} MB"
