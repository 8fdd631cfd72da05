"""The panel "Super-resolution"."""
