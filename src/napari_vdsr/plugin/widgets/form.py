"""A form made from the fields of a settings dataclass."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, Generic, TypeVar

from psygnal import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_vdsr.plugin.settings import Remembered, shown_fields
from napari_vdsr.plugin.widgets.elements import side_by_side
from napari_vdsr.plugin.widgets.inputs import (
    Choice,
    NumberBox,
    frame,
    line_of,
    make_field,
)
from napari_vdsr.plugin.words import label_of, tooltip_of
from napari_vdsr.zoo import Card

Settings = TypeVar("Settings", bound=Remembered)
_MARGIN = 10  # pixels that the style adds to a visible label


class Form(QWidget, Generic[Settings]):
    """One row for each field, with its label; emits ``changed`` when a value changes.

    `form["steps"]` is the widget of a field. Rows that do not matter are hidden.
    """

    changed = Signal()

    def __init__(self, defaults: Settings) -> None:
        super().__init__()
        self._settings = defaults
        self.cards: dict[str, Card] = {}  # of the models that are offered, by name
        self._shown = shown_fields(defaults)
        self._fields: dict[str, Any] = {}
        self._rows: dict[str, _Row] = {}  # of each field, and of what has a name
        self._framed: dict[str, Any] = {}  # the widgets that `mark` frames
        self._barred: set[str] = set()
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(5)
        self._layout.setHorizontalSpacing(3)  # labels have a margin of their own
        self._layout.setFieldGrowthPolicy(
            QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        )
        titles = [self._title(name) for name in self._shown]
        self._label_width = max(map(self._width, titles), default=0)
        self._make_rows()
        self.settings = defaults

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def add_row(
        self,
        title: str,
        widget: QWidget,
        place: int = -1,
        beside: Sequence[QWidget] = (),
        name: str = "",
    ) -> "_Row":
        """Add a row; a question stands above its widget. `place` counts rows of Qt.

        By its `name`, if any, `mark` finds the row of what is no setting.
        """
        row = _Row(title, widget, beside)
        if name:
            self._rows[name], self._framed[name] = row, widget
        if not widget.accessibleName():
            widget.setAccessibleName(title.rstrip("?"))
        place = self._layout.rowCount() if place < 0 else place
        if row.label is not None and self._width(title):
            row.label.setMinimumWidth(self._label_width)
            self._layout.insertRow(place, row.label, row.box)
            return row
        self._layout.insertRow(place, row.box)
        if row.label is not None:
            self._layout.insertRow(place, row.label)
        return row

    @property
    def settings(self) -> Settings:
        """The values of the fields."""
        values = {name: field.value for name, field in self._fields.items()}
        return self._settings.changed(values)

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        for name, field in self._fields.items():
            with field.changed.blocked():
                field.value = getattr(settings, name)
        self._field_changed()

    def offer_models(self, cards: Iterable[Card], *more: tuple[str, str]) -> None:
        """Replace the list of models, in this order; `more` are texts and values."""
        self.cards = {card.name: card for card in cards}
        names = [(label_of(card), name) for name, card in self.cards.items()]
        self["model"].offer([*names, *more], keep=True)
        self.explain_model()

    def explain_model(self) -> None:
        """Tell in the tooltip what is known about the chosen model."""
        card = self.cards.get(self["model"].value)
        self.explain("model", tooltip_of(card) if card else "")

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Replace the list of devices, the best one first."""
        names = {f"auto ({devices[0]})": "auto"} | {name: name for name in devices}
        self["device"].offer(names, keep=True)

    def suggest(self, name: str, text: str, usual: float | None = None) -> None:
        """Show what an empty field, or the first choice, stands for."""
        field = self._fields[name]
        if isinstance(field.native, NumberBox):
            field.native.suggest(text, usual)
        elif isinstance(field, Choice):
            field.native.setItemText(0, text)
        else:
            field.native.setPlaceholderText(text)

    def explain(self, name: str, tooltip: str = "") -> None:
        """Set a field's tooltip, by default the usual one."""
        self._framed[name].setToolTip(tooltip or self._shown[name].tooltip)

    def allow(self, name: str, on: bool) -> None:
        """Show or hide a row that the settings alone do not decide on."""
        (self._barred.discard if on else self._barred.add)(name)
        self._show_what_matters()

    def mark(self, name: str, colour: str) -> None:
        """Frame the row of this field only; an empty name frames none."""
        wrong = self._rows.get(name)
        for other, widget in self._framed.items():
            frame(widget, colour if self._rows[other] is wrong else "")

    # Inside

    def _title(self, name: str) -> str:
        """Label of the row that begins with a field; a fold or a box names itself."""
        shown = self._shown[name]
        named = shown.fold or isinstance(getattr(self._settings, name), bool)
        return shown.row or ("" if named or shown.beside else shown.label)

    def _width(self, title: str) -> int:
        """Pixels of a label beside its field; 0 where it stands above, or is none."""
        if not title or title.endswith("?"):
            return 0
        return self.fontMetrics().horizontalAdvance(title) + _MARGIN

    def _make_rows(self) -> None:
        for name, shown in self._shown.items():
            field = make_field(shown, getattr(self._settings, name))
            line_of(field).setAccessibleName(shown.label.rstrip("?"))
            field.changed.connect(self._field_changed)
            self._fields[name], self._framed[name] = field, line_of(field)
        names = list(self._shown)
        for number, name in enumerate(names):
            if self._shown[name].beside:
                continue
            beside = takewhile(lambda n: self._shown[n].beside, names[number + 1 :])
            fields = [name, *beside]
            first, *others = [self._fields[each].native for each in fields]
            row = self.add_row(self._title(name), first, beside=others)
            self._rows |= dict.fromkeys(fields, row)

    def _field_changed(self, *_: Any) -> None:
        self._show_what_matters()
        self.changed.emit()

    def _show_what_matters(self) -> None:
        settings, opened = self.settings, True
        for name, shown in self._shown.items():
            if shown.fold:
                opened = bool(getattr(settings, name))
            visible = shown.when(settings) and name not in self._barred
            visible = visible and (opened or shown.fold)
            self._fields[name].native.setVisible(visible)
            if not shown.beside:
                self._rows[name].show(visible)


class _Row:
    """A label, if any, and the widgets beside it; several of them are narrow."""

    def __init__(self, title: str, widget: QWidget, beside: Sequence[QWidget]) -> None:
        self.label = QLabel(title) if title else None
        if self.label is not None:
            self.label.setBuddy(widget)
        self.box = side_by_side(widget, *beside) if beside else widget
        for each in (widget, *beside):
            if beside and isinstance(each, NumberBox):
                each.setButtonSymbols(NumberBox.ButtonSymbols.NoButtons)

    def show(self, on: bool) -> None:
        """Show or hide the whole row."""
        self.box.setVisible(on)
        if self.label is not None:
            self.label.setVisible(on)
