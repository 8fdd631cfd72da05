"""napari layers in, napari layers out, exactly on top of one another.

No Qt and no viewer is needed for that.
"""

from napari_vdsr.layers.aligned import Aligned, aligned
from napari_vdsr.layers.plan import LayerPlan, plan_layer
from napari_vdsr.layers.result import result_layer
from napari_vdsr.layers.upscale import compute_plan, upscale_layer

__all__ = [
    "Aligned",
    "LayerPlan",
    "aligned",
    "compute_plan",
    "plan_layer",
    "result_layer",
    "upscale_layer",
]
