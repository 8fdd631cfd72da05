"""How Sphinx builds the documentation; `make docs` runs it."""

import sys
from pathlib import Path

import napari_vdsr

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "napari-vdsr"
author = "napari-vdsr contributors"
copyright = "2026, napari-vdsr contributors"
release = napari_vdsr.__version__

extensions = [
    "command_line",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_ext", "generated"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"napari-vdsr {release}"

# The docstrings say the types already, in words.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# `word` in a docstring is a link where there is something of that name.
default_role = "py:obj"
