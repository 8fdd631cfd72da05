"""How fast this machine enlarges images, measured against the usual way."""

from napari_vdsr.benchmark.bench import bench
from napari_vdsr.benchmark.report import Bench, Row

__all__ = ["Bench", "Row", "bench"]
