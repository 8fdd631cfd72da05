"""The widgets of the panel, each in its own file."""
