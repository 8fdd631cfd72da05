"""The napari plugin: panels, menu commands and sample data.

A panel is: settings, a frozen dataclass; a `Form` made from them; a plan of what the
button would do, or a `FieldError` that names the wrong field; a `Job` that does it in a
thread, of which `Run` reports ticks, results and the end; and a `RunBar` with a
message, the button and a bar, where an `Outlook` says all this in words. What takes
time before that, a `Finder` finds out in the background. `Panel` keeps these together.

Each panel has a folder: ``enlarge``, ``scores`` and ``training``. The files beside them
and ``widgets`` are what they share. `napari.yaml` names what napari may load.
"""
