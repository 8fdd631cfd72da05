"""The layers of a viewer: which are meant, which were made of which, what changes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Layer, Shapes

from napari_vdsr.layers.result import Provenance
from napari_vdsr.plugin.settings import FieldError
from napari_vdsr.plugin.words import shorten_name

# Kinds of layers that only help to look at others.
LEFT_OF_LINE, TRAINING_PREVIEW = "before", "training preview"
# Events that matter: of a list of layers, and of each layer, which the list passes on.
_OF_THE_LIST = {"inserted", "removed", "reordered", "name"}
CHANGES_OF_A_LAYER = set(
    "data scale translate rotate shear affine axis_labels units".split()
)


def watch(
    viewer: ViewerModel,
    *,
    on_layers: Callable[..., None],
    on_change: Callable[..., None],
    on_view: Callable[..., None],
) -> Callable[[], None]:
    """Call back when a viewer changes, until what this gives is called.

    `on_layers`: layers are added, removed, moved, renamed or selected. `on_change`:
    data or transforms of a layer, or the theme, change. `on_view`: the camera or the
    sliders move.
    """

    def heard(event: Any) -> None:
        if event.type in _OF_THE_LIST:
            on_layers()
        elif event.type in CHANGES_OF_A_LAYER:
            on_change()

    # The camera moved into the scene with napari 0.9.
    camera = getattr(viewer, "scene", viewer).camera
    connections: list[tuple[Any, Callable[..., None]]] = [
        (viewer.layers.events, heard),  # what layers tell, too
        (viewer.layers.selection.events.changed, on_layers),
        (viewer.events.theme, on_change),
        (camera.events, on_view),
        (viewer.dims.events, on_view),
    ]
    for emitter, callback in connections:
        emitter.connect(callback)

    def stop() -> None:
        for emitter, callback in connections:
            emitter.disconnect(callback)

    return stop


class Sources:
    """The layers of a viewer, as panels see them."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    @property
    def images(self) -> list[Image]:
        """All image layers, the topmost first, as the layer list shows them."""
        return [
            layer
            for layer in self._topmost_first
            if isinstance(layer, Image) and not is_helper(layer)
        ]

    @property
    def shapes(self) -> list[Shapes]:
        """All Shapes layers, the topmost first."""
        return [layer for layer in self._topmost_first if isinstance(layer, Shapes)]

    @property
    def _topmost_first(self) -> list[Layer]:
        # Slicing `layers` itself makes a list with events, which is slow.
        return list(self._viewer.layers)[::-1]

    @property
    def selected(self) -> list[Layer]:
        """What is selected in the layer list, bottom to top.

        Shapes layers mark what is to be enlarged: they are left out where there is
        something else, and otherwise the image below them is meant: not a result, or
        every Run would enlarge that of the last one.
        """
        chosen = [
            layer
            for layer in self._viewer.layers
            if layer in self._viewer.layers.selection and not is_helper(layer)
        ]
        others = [layer for layer in chosen if not isinstance(layer, Shapes)]
        if others or not chosen:
            return others
        below = list(self._viewer.layers)[: self._viewer.layers.index(chosen[-1])]
        images = [layer for layer in self.images if layer in below] or self.images
        visible = [layer for layer in images if layer.visible]
        given = [layer for layer in visible if not is_made(layer)]
        return list([*given, *visible, *images, *chosen][:1])

    def refuse_helpers(self, field: str) -> None:
        """Raise FieldError if what is selected only helps to look at others."""
        chosen = [x for x in self._viewer.layers if x in self._viewer.layers.selection]
        if chosen and all(map(is_helper, chosen)):
            raise FieldError(
                field,
                f"'{chosen[0].name}' is a preview, of which no results are made: "
                "choose an image itself.",
            )

    def named(self, name: str | None) -> list[Layer]:
        """The layer of that name; None for what is selected."""
        if name is None:
            return self.selected
        return [layer for layer in self._viewer.layers if layer.name == name]


def selection_in_words(layers: Sequence[Layer]) -> str:
    """How a field names layers that are or were selected."""
    if len(layers) == 1:
        return f"selected: {shorten_name(layers[0].name)}"
    return f"selected: {len(layers)} layers" if layers else "selected: none"


def is_helper(layer: Layer) -> bool:
    """Whether a layer only helps to look at another one."""
    made = Provenance.read(layer)
    return made is not None and made.kind in (LEFT_OF_LINE, TRAINING_PREVIEW)


def is_made(layer: Layer) -> bool:
    """Whether this plugin made a layer."""
    return Provenance.read(layer) is not None


def likely_truth(images: Sequence[Image]) -> Image | None:
    """The image that others are probably to be compared with; None without images.

    First choice is an image that this plugin neither made nor enlarged, then one that
    it did not make; of several, the one with the finest pixels.
    """
    given = [image for image in images if not is_made(image)]
    untouched = [image for image in given if not made_of(image, images)]
    likely = untouched or given or images
    return min(likely, key=lambda image: abs(image.scale[-1]), default=None)


def made_of(source: Image, layers: Iterable[Layer]) -> list[Image]:
    """Layers made of a layer by this plugin, directly or indirectly, in their order."""
    layers = list(layers)
    names = {layer.name for layer in layers}
    images = [layer for layer in layers if isinstance(layer, Image)]
    family = [source]
    for parent in family:  # the list grows during the loop
        family += [
            image
            for image in images
            if image not in family and _is_made_of(image, parent, names)
        ]
    return [image for image in images if image in family[1:]]


def _is_made_of(layer: Image, source: Image, names: set[str]) -> bool:
    made = Provenance.read(layer)
    if made is None:
        return False
    if made.source.get("name") in names:
        return bool(made.source["name"] == source.name)
    return made.was_at(source)


def replace_pixels(layer: Image, made: Image) -> None:
    """Give a layer the pixels of another one, and their place in the world.

    A new layer takes napari much longer.
    """
    for name in ("data", "scale", "translate", "rotate", "shear", "affine"):
        setattr(layer, name, getattr(made, name))


def renew_or_add(viewer: Any, known: Layer | None, made: Image) -> Image:
    """Show what was made: in the known layer if that is there and fits, else anew."""
    if (
        isinstance(known, Image)
        and known in viewer.layers
        and (known.ndim, known.rgb) == (made.ndim, made.rgb)
    ):
        replace_pixels(known, made)
        return known
    add_quietly(viewer, made)
    return made


def add_quietly(viewer: Any, layer: Image, above: Image | None = None) -> None:
    """Add a layer and leave the selection as it is.

    It goes above everything made of `above`; on top by default, or when that is gone.
    """
    layers = viewer.layers
    place = len(layers)
    if above in layers:
        family = [above, *made_of(above, layers)]
        place = 1 + max(layers.index(each) for each in family)
    insert_quietly(layers, place, layer)


def insert_quietly(layers: Any, place: int, layer: Layer) -> None:
    """Insert a layer and leave the selection as it is.

    napari selects each new layer and makes the controls of the selection anew, which
    takes longer than all else. It does so, too, when a layer comes between selected
    ones, of which Qt tells though none has changed.
    """
    selection, active = set(layers.selection), layers.selection.active
    layers._activate_on_insert = False
    try:
        with layers.selection.events.changed.blocker():
            layers.insert(place, layer)
    finally:
        layers._activate_on_insert = True
    if set(layers.selection) != selection:  # another napari may not know that switch
        layers.selection = selection & set(layers)
        if active in layers:
            layers.selection.active = active
