"""Figures for images: what was gained, and how far it can be believed."""
