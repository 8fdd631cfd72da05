"""The panel "VDSR training": its settings, its work and its widgets."""
