"""All tooltips of the panel in one table."""

TOOLTIPS = {
    "reference": "The truth that layers are compared with, pixel by pixel.",
    "layers": (
        "What is compared. Layers on other pixels are brought onto those of the "
        "reference, where both overlap in the world."
    ),
    "compare": "Compare the ticked layers with the reference.",
    "cancel": "Stop; nothing half-done is shown.",
    "copy": "Copy the tables to the clipboard, for a spreadsheet.",
    "csv": "Save all figures, and what they depend on, as a CSV file.",
    "truth": (
        "An image with fine detail. It is made smaller, enlarged again, and compared "
        "with what it was."
    ),
    "score": "Reduce, enlarge, compare, and add all images as layers.",
    "tile": (
        "Show original, reduced, bicubic and predicted image side by side, in "
        "napari's grid mode; other layers are hidden meanwhile."
    ),
    "result": "A layer that was made by this plugin. Its source has to be open, too.",
    "doubt": (
        "Where the network contradicts itself, or its source: have it enlarge the "
        "source in eight flips and turns, and show how far that spreads, or how far "
        "the result is from the source, as a map: 1 is what the noise of the source "
        "allows. Takes eight times as long as Run."
    ),
    "consistency": (
        "Reduce the result to the size of its source again, and add a map of where "
        "the two differ."
    ),
    "image": "Any image.",
    "sampling": "Look at how fine the detail is, compared with the pixels.",
}
