"""Simulated microscopes: images whose fine, noiseless truth is known.

`scenes` draws what lies under the microscope, `microscope` takes its picture.
"""

from napari_vdsr.simulation.microscope import Simulated, simulate

__all__ = ["Simulated", "simulate"]
