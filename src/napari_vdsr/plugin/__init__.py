"""The napari plugin: panels, menu commands and sample data.

Each panel has a folder: ``enlarge``, ``scores`` and ``training``. The files beside them
and ``widgets`` are what they share. `napari.yaml` names what napari may load.
"""
