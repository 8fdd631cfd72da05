"""The napari plugin: panels, menu commands and sample data.

``model/`` knows neither Qt nor a viewer, ``views/`` are the widgets, and the files
beside them tie the two together. `napari.yaml` names what napari may load.
"""
