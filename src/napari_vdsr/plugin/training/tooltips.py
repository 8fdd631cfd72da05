"""All tooltips of the training panel in one table."""

_AS_RECIPE = " Empty: as the recipe says."

TOOLTIPS = {
    "images": (
        "What to learn from: layers, or a folder with images. They have to be as "
        "good as you wish your results to be: they are reduced and enlarged again, "
        "and the network learns to undo that."
    ),
    "folder": (
        "TIFF, PNG, JPEG and BMP files in this folder and those within it. What "
        "cannot be used is named and left out."
    ),
    "begin": (
        "From scratch; or fine-tune a finished model on your images; or adapt one to "
        "a single layer, on which it will then be used."
    ),
    "model": "The model to begin with. It is left as it is.",
    "recipe": (
        "A training that is known to work. quick: a small network, in minutes on a "
        "processor; adapt: a short fine-tuning; microscope: a long one on what a "
        "microscope does, its spot, its sampling and its noise, of which some hundred "
        "steps show an effect; modern: how the released models are made, for a "
        "graphics card; paper and course: as they were published. What you type below "
        "changes it."
    ),
    "sampling": (
        "How were the images taken that you will enlarge? Scanner: point by point, as "
        "confocal, two-photon, STED and electron microscopes do. Camera: every pixel "
        "collects light over its area, as in widefield and spinning disk microscopes. "
        "Reduced by software: thumbnails, pyramids, benchmarks. For scanner and "
        "camera, the images to learn from are used at half their size."
    ),
    "noise": (
        "What the network learns to leave out. Of any strength: from none to a "
        "handful of photons per pixel; nothing has to be entered. None: the network "
        "takes noise for detail."
    ),
    "depth": (
        "Layers of the network. More of them restore more, learn longer and run slower."
    ),
    "layers": "How many layers, from 2 to 100.",
    "factors": (
        "How much images are reduced, such as '2, 3, 4'; fractions are allowed. The "
        "network learns all of them at once." + _AS_RECIPE
    ),
    "steps": "How often the weights are changed." + _AS_RECIPE,
    "patch": (
        "Pixels per edge of the parts of images that are learnt from. Images must "
        "not be smaller." + _AS_RECIPE
    ),
    "batch": "Patches per step. More of them take more memory." + _AS_RECIPE,
    "rate": (
        "Learning rate at its highest: how far each step goes. Too high, and the loss "
        "explodes; too low, and little is learnt." + _AS_RECIPE
    ),
    "held": (
        "Images that are not learnt from but scored on: whole images and never parts "
        "of one, or a quarter when there is but one image."
    ),
    "held_folder": "Images to score on. None of them should be among those above.",
    "device": (
        "Where the network is trained: 'auto' takes a graphics card where there is one."
    ),
    "precision": (
        "Number format of the hidden layers; weights keep full precision. 'auto' "
        "takes float16 on NVIDIA cards and float32 elsewhere."
    ),
    "name": (
        "Of the finished model in the list of models: letters, digits, dots, dashes "
        "and underscores."
    ),
    "preview": (
        "Add a layer with a part of an image that is held out: as it goes in, as the "
        "network restores it, and as it was. It follows while the network learns."
    ),
    "start": "Train. The state is kept on disk now and then, so that nothing is lost.",
    "pause": "Halt after the step in work; Resume goes on as if nothing had happened.",
    "resume": "Go on.",
    "stop": (
        "End after the step in work and make a model of what was learnt until then."
    ),
    "cancel": "End after the step in work and forget what was learnt.",
    "unfinished": "Trainings that were begun and neither finished nor cancelled.",
    "go_on": (
        "Go on with this training. The same images are needed; layers must be open "
        "under the same names."
    ),
    "discard": "Forget this training and what was learnt in it.",
    "script": "Copy Python that does the same as Start to the clipboard.",
    "reset": "Set everything back to the defaults.",
    "loss": "What is made smaller: the error on the patches of each step.",
    "gain": (
        "PSNR on the images held out, above that of plain enlargement, for each "
        "factor. Below the dashed line, plain enlargement is better."
    ),
}
