"""All tooltips of the panel in one table."""

TOOLTIPS = {
    "layer": (
        "The image to enlarge. 'Selected' follows the layer list: select several "
        "layers there to enlarge all of them with these settings; those that cannot "
        "be enlarged are left out and named. Of stacks, every plane is enlarged by "
        "itself, in Y and X only. Lazy and multiscale images give a lazy result: "
        "what is in view is computed as you look."
    ),
    "factor": (
        "How many times more pixels along Y and along X. 'Custom' takes any number "
        "from 1 to 8, or two for Y and X; 'pixel size' asks for pixels of that size "
        "instead."
    ),
    "value": "One number, or two for Y and X separated by a comma.",
    "area": (
        "Enlarge all of the layer, the plane that is in view, or the bounding boxes "
        "of the shapes in a Shapes layer. A part has the same values as it would "
        "have in the whole."
    ),
    "shapes": "The Shapes layer whose shapes mark the parts to enlarge.",
    "model": "The network. Models that are not here yet are fetched by Run, once.",
    "device": (
        "Where the network runs: 'auto' takes a graphics card where there is one."
    ),
    "precision": (
        "Number format of the hidden layers; enlargement and sum keep full "
        "precision. 'auto' takes the fastest that is safe on the device."
    ),
    "tile": (
        "Images are worked on in tiles of so many pixels, or as many as fit the "
        "memory given. The result is the same for every size; choose a smaller one "
        "when memory runs out."
    ),
    "range": (
        "Black and white of the image. This model was trained with 0 for black and "
        "1 for white and has to know what they are here."
    ),
    "ensemble": (
        "Run the network on the eight flips and turns of the image and take the mean: "
        "a little closer to the truth, and eight times as slow."
    ),
    "spread": (
        "Also add how far the eight results lie apart (their standard deviation): "
        "large where the network is not sure. It starts hidden."
    ),
    "bicubic": "Also add what plain bicubic enlargement gives, for comparison.",
    "consistency": (
        "Also add a map of what is left when the result is reduced again and the "
        "source subtracted: near zero where the result agrees with what was "
        "measured. It starts hidden."
    ),
    "run": "Enlarge and add the result as a new layer exactly over the source.",
    "cancel": "Stop after the tile in work; nothing is added.",
    "preview": (
        "Enlarge a small part in the middle of the view, to see what Run will give."
    ),
    "save": (
        "Enlarge into a file instead of a layer, part by part, so that the result may "
        "be larger than memory: OME-Zarr with a pyramid, or OME-TIFF. A stopped "
        "OME-Zarr is gone on with when it is saved under the same name again."
    ),
    "compare": "Show the source (before) or the result (after) of the last run.",
    "link": "Changing the contrast of source or result changes both.",
    "script": (
        "Copy Python that makes the same result as Run to the clipboard, without the "
        "layers beside it."
    ),
    "release": "Forget the loaded model and give its memory back to the graphics card.",
    "reset": "Set everything back to the defaults of napari's preferences.",
}
NO_GPU = (
    "\n\nNo graphics card was found that torch can use. If there is one, "
    "https://pytorch.org/get-started/locally tells how to install torch for it."
)
