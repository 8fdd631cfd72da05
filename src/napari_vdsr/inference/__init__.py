"""Running a network over images of any size, tile by tile."""
