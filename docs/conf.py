"""How Sphinx builds the documentation; `make docs` runs it."""

import sys
from pathlib import Path
from typing import Any

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
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_ext", "_templates", "generated/*.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"napari-vdsr {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]

# The docstrings say the types already, in words.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# `word` in a docstring is a link where there is something of that name.
default_role = "py:obj"


def setup(sphinx: Any) -> None:
    """Leave fields of named tuples to the docstring of their class."""
    sphinx.connect("autodoc-skip-member", is_field)


def is_field(sphinx: Any, what: str, name: str, member: Any, *_: Any) -> bool | None:
    """Whether a member is a field of a named tuple; None leaves it to Sphinx."""
    return True if type(member).__name__ == "_tuplegetter" else None
