"""The fields of the panel, from the layer down to the tile."""

from collections.abc import Sequence

from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, Widget

from napari_vdsr.plugin.model.choices import label_of, tooltip_of
from napari_vdsr.plugin.model.settings import (
    CUSTOM,
    PIXEL_SIZE,
    PRECISIONS,
    TILES,
    Settings,
)
from napari_vdsr.plugin.views.fields import (
    choice,
    choose,
    frame,
    label_fields,
    offer,
    offer_devices,
    row,
)
from napari_vdsr.plugin.views.tooltips import NO_GPU, TOOLTIPS
from napari_vdsr.zoo import Card

SELECTED = "selected layers"

_FACTOR_NAMES = {
    "2": "×2",
    "3": "×3",
    "4": "×4",
    CUSTOM: "custom",
    PIXEL_SIZE: "pixel size",
}
_AREA_NAMES = {
    "whole": "whole layer",
    "view": "what is in view",
    "rectangles": "shapes drawn in …",
}
_LABELS = {
    "layer": "Layer",
    "area": "Area",
    "shapes": "Shapes",
    "model": "Model",
    "device": "Device",
    "precision": "Precision",
    "tile": "Tile",
}
_MARKABLE = (
    *("layer", "factor", "value", "area", "model", "device", "black", "white"),
    *("precision", "tile"),
)
_BOXES = ("ensemble", "bicubic", "consistency", "spread")
_BY_VALUE = ("device", "precision", "tile", *_BOXES)


class Form(Container[Widget]):
    """Fields with their labels; emits ``changed`` when any of them changes."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}
        self.layer = _choice("layer")
        self.factor = _choice(
            "factor", {name: key for key, name in _FACTOR_NAMES.items()}
        )
        self.value = LineEdit(name="value", tooltip=TOOLTIPS["value"])
        self.area = _choice("area", {name: key for key, name in _AREA_NAMES.items()})
        self.shapes = _choice("shapes")
        self.model = _choice("model")
        self.device = _choice("device", {"auto": "auto", "cpu": "cpu"})
        self.precision = _choice("precision", {name: name for name in PRECISIONS})
        self.tile = _choice("tile", {_with_unit(tile): tile for tile in TILES})
        self.ensemble = CheckBox(
            text="mean of 8 flips and turns", tooltip=TOOLTIPS["ensemble"]
        )
        self.black = LineEdit(name="black", tooltip=TOOLTIPS["range"])
        self.white = LineEdit(name="white", tooltip=TOOLTIPS["range"])
        self.bicubic = CheckBox(text="bicubic", tooltip=TOOLTIPS["bicubic"])
        self.consistency = CheckBox(text="consistency", tooltip=TOOLTIPS["consistency"])
        self.spread = CheckBox(text="where not sure", tooltip=TOOLTIPS["spread"])
        self.value.native.setPlaceholderText("Y, X")
        self.black.native.setPlaceholderText("black")
        self.white.native.setPlaceholderText("white")
        self.range_row = row("Range", self.black, self.white)
        super().__init__(
            widgets=[
                self.layer,
                row("Factor", self.factor, self.value),
                self.area,
                self.shapes,
                self.model,
                self.range_row,
                self.device,
                self.precision,
                self.tile,
                row("Ensemble", self.ensemble),
                row("Also make", self.bicubic, self.consistency, self.spread),
            ]
        )
        label_fields(self, _LABELS)
        for field in (self.factor, self.area, self.model, self.ensemble):
            field.changed.connect(self._show_what_matters)
        self.show_range(False)
        self._show_what_matters()

    def settings(self, base: Settings) -> Settings:
        """The values of the fields; `base` has those without a field."""
        names = ("factor", "value", "area", "model", "black", "white", *_BY_VALUE)
        values = {name: getattr(self, name).value for name in names}
        if not self.needs_range:
            values["black"] = values["white"] = ""
        return base.changed(values)

    def show_settings(self, settings: Settings) -> None:
        """Set the fields.

        Values that a field does not offer are added to it, so that whoever checks the
        settings can say what is wrong with them.
        """
        with self.changed.blocked():
            for name in ("factor", "area", "model", *_BY_VALUE[:3]):
                choose(getattr(self, name), getattr(settings, name))
            for name in ("value", "black", "white", *_BY_VALUE[3:]):
                getattr(self, name).value = getattr(settings, name)
        self._show_what_matters()
        self.changed.emit(self)

    def offer_layers(self, selected: str, names: Sequence[str]) -> None:
        """Replace the list of image layers; `selected` describes the selected ones."""
        offer(self.layer, {selected: SELECTED, **{name: name for name in names}})

    def offer_shapes(self, names: Sequence[str]) -> None:
        """Replace the list of Shapes layers."""
        offer(self.shapes, {name: name for name in names})

    def offer_models(self, cards: Sequence[Card]) -> None:
        """Replace the list of models, in this order."""
        names = {label_of(card): card.name for card in cards}
        offer(self.model, names, keep=True)
        self._cards = {card.name: card for card in cards}
        self._show_what_matters()

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Replace the list of devices, the best one first."""
        hint = NO_GPU if list(devices) == ["cpu"] else ""
        self.device.tooltip = TOOLTIPS["device"] + hint
        offer_devices(self.device, devices)

    def mark(self, field: str, colour: str) -> None:
        """Draw a frame around the named field only; an empty name marks none."""
        marked = {"range": ("black", "white"), "factor": ("factor", "value")}
        wrong = marked.get(field, (field,))
        fields = {name: getattr(self, name) for name in _MARKABLE}
        frame(list(fields.values()), [fields[n] for n in wrong if n in fields], colour)

    def show_range(self, needed: bool) -> None:
        """Show or hide the fields for black and white."""
        self.needs_range = needed
        self.range_row.visible = needed

    def _show_what_matters(self) -> None:
        self.value.visible = self.factor.value in (CUSTOM, PIXEL_SIZE)
        self.spread.visible = self.ensemble.value
        self.shapes.visible = self.area.value == "rectangles"
        card = self._cards.get(self.model.value)
        self.model.tooltip = tooltip_of(card) if card else TOOLTIPS["model"]


def _choice(name: str, choices: dict[str, str] | None = None) -> ComboBox:
    return choice(name, TOOLTIPS[name], choices)


def _with_unit(tile: str) -> str:
    return f"{tile} pixels" if tile.isdecimal() else tile
