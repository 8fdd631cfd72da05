"""How fast this machine enlarges images, measured against the usual way."""

from napari_vdsr.benchmark.bench import Bench, Row, bench

__all__ = ["Bench", "Row", "bench"]
