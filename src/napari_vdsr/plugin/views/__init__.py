"""The widgets of the panel, each in a file of its own."""
