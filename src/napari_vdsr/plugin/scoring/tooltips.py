"""All tooltips of the panel in one table."""

TOOLTIPS = {
    "reference": "The truth that layers are compared with, pixel by pixel.",
    "layers": (
        "What is compared. Layers on other pixels are brought onto those of the "
        "reference, where both overlap in the world."
    ),
    "data_range": (
        "The full scale that errors are relative to. Empty: 255 for 8-bit images, 1 "
        "for numbers within 0 and 1, otherwise the reference's maximum minus its "
        "minimum. The reason is written below the table."
    ),
    "channels": (
        "How colour images are compared: by their luminance (BT.601, studio swing), "
        "as papers do, or by R, G and B together. Grey images are compared as they "
        "are."
    ),
    "border": "Pixels cut off at every side; papers cut off as many as the factor.",
    "fit": (
        "Also give the range-invariant PSNR: the image is first fitted to the "
        "reference by a factor and an offset, so that other contrast is no error."
    ),
    "error_map": (
        "Also add a layer of image minus reference: green where the image is too "
        "bright, pink where it is too dark, full colour at 10 % of the data range. "
        "The limits stay the same when the image changes."
    ),
    "live": "Compare again whenever a compared layer or a field changes.",
    "compare": "Compare the ticked layers with the reference.",
    "cancel": "Stop; nothing half-done is shown.",
    "copy": "Copy the tables to the clipboard, for a spreadsheet.",
    "csv": "Save all figures, and what they depend on, as a CSV file.",
    "truth": (
        "An image with fine detail. It is made smaller, enlarged again, and compared "
        "with what it was."
    ),
    "taken": (
        "How the small image is made. Scanner: points (confocal, two-photon, SEM). "
        "Camera: each pixel the mean over its area. By software: bicubic with "
        "antialiasing. A model gains most on images like those it was trained for."
    ),
    "noise": (
        "Shot noise added to the small image, never to the original. Weak and strong: "
        "2 and 6 grey levels of 255 at mid-grey. As in this image: as much as the "
        "image has itself; rather too much where detail looks like noise."
    ),
    "factor": "How much it is reduced and enlarged.",
    "model": "The network to score. It is fetched once when it is not here yet.",
    "score": "Reduce, enlarge, compare, and add all images as layers.",
    "tile": (
        "Show original, reduced, bicubic and predicted image side by side, in "
        "napari's grid mode; other layers are hidden meanwhile."
    ),
    "result": "A layer that was made by this plugin. Its source has to be open, too.",
    "consistency": (
        "Reduce the result to the size of its source again, and add a map of where "
        "the two differ."
    ),
    "image": "Any image.",
    "sampling": "Look at how fine the detail is, compared with the pixels.",
}
