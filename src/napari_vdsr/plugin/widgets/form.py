"""A form made from the fields of a settings dataclass."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from magicgui.widgets import CheckBox, ComboBox, LineEdit
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QToolButton, QWidget

from napari_vdsr.plugin.settings import Remembered, Shown, shown_fields
from napari_vdsr.plugin.widgets.colours import set_style
from napari_vdsr.plugin.widgets.folder_field import FolderField
from napari_vdsr.plugin.widgets.number_box import NumberBox
from napari_vdsr.plugin.words import free_text, label_of, tooltip_of
from napari_vdsr.zoo import Card

Settings = TypeVar("Settings", bound=Remembered)
_MARGIN = 10  # pixels that the style adds to a visible label

Choices = Mapping[str, Any] | Iterable[tuple[str, Any]]


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
        self._rows: dict[str, _Row] = {}  # by the first field in each
        self._first: dict[str, str] = {}  # in the row of each field
        self._barred: set[str] = set()
        self._wheel = _WheelGuard(self)
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(5)
        self._layout.setHorizontalSpacing(3)  # labels have a margin of their own
        self._layout.setFieldGrowthPolicy(
            QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        )
        first = ""
        for name, shown in self._shown.items():
            field = _field(shown, getattr(defaults, name))
            self._fields[name] = field
            field.changed.connect(self._field_changed)
            self._make_accessible(field, shown)
            first = first if shown.beside else name
            self._first[name] = first
            if shown.beside:
                self._rows[first].add(field.native)
                continue
            title = shown.row or ("" if _names_itself(field) else shown.label)
            self._rows[first] = self.add_row(title, field.native)
        self._align_labels()
        self.settings = defaults

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def add_row(self, title: str, widget: QWidget, place: int = -1) -> "_Row":
        """Add a row; a question stands above its widget. `place` counts rows of Qt."""
        row = _Row(title, widget)
        if not widget.accessibleName():
            widget.setAccessibleName(title.rstrip("?"))
        place = self._layout.rowCount() if place < 0 else place
        if title.endswith("?") or not title:
            self._layout.insertRow(place, row.box)
            if title:
                self._layout.insertRow(place, row.label)
        else:
            self._layout.insertRow(place, row.label, row.box)
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
            value = getattr(settings, name)
            with field.changed.blocked():
                if isinstance(field, ComboBox) and value not in field.choices:
                    # So whoever checks the settings can say what is wrong.
                    field.choices = [*_items(field), (value, value)]
                field.value = value
        self._field_changed()

    def offer(self, name: str, choices: Choices, keep: bool = False) -> None:
        """Replace the choices of a field; see the function `offer`."""
        offer(self._fields[name], choices, keep)

    def offer_models(self, cards: Iterable[Card], *more: tuple[str, str]) -> None:
        """Replace the list of models, in this order; `more` are texts and values."""
        self.cards = {card.name: card for card in cards}
        names = [(label_of(card), name) for name, card in self.cards.items()]
        self.offer("model", [*names, *more], keep=True)
        self.explain_model()

    def explain_model(self) -> None:
        """Tell in the tooltip what is known about the chosen model."""
        card = self.cards.get(self._fields["model"].value)
        self.explain("model", tooltip_of(card) if card else "")

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Replace the list of devices, the best one first."""
        names = {f"auto ({devices[0]})": "auto"} | {name: name for name in devices}
        self.offer("device", names, keep=True)

    def suggest(self, name: str, text: str, usual: float | None = None) -> None:
        """Show in grey what an empty field stands for."""
        native = self._fields[name].native
        if isinstance(native, NumberBox):
            native.suggest(text, usual)
        else:
            native.setPlaceholderText(text)

    def explain(self, name: str, tooltip: str = "") -> None:
        """Set a field's tooltip, by default the usual one."""
        self._fields[name].tooltip = tooltip or self._shown[name].tooltip

    def allow(self, name: str, on: bool) -> None:
        """Show or hide a row that the settings alone do not decide on."""
        (self._barred.discard if on else self._barred.add)(name)
        self._show_what_matters()

    def mark(self, name: str, colour: str) -> None:
        """Frame the row of this field only; an empty name frames none."""
        for other, field in self._fields.items():
            wrong = name in self._first and self._first[other] == self._first[name]
            native = getattr(field, "line", field).native
            frame(native, colour if wrong else "")

    def _field_changed(self, *_: Any) -> None:
        self._show_what_matters()
        self.changed.emit()

    def _show_what_matters(self) -> None:
        settings, opened = self.settings, True
        for name, shown in self._shown.items():
            matters = shown.when(settings) and name not in self._barred
            if shown.fold:
                opened = bool(getattr(settings, name))
            visible = matters and (opened or shown.fold)
            if name in self._rows:
                self._rows[name].show(visible)
            self._fields[name].native.setVisible(visible)

    def _make_accessible(self, field: Any, shown: Shown) -> None:
        for native in (field.native, *field.native.findChildren(QWidget)):
            if native.focusPolicy() != Qt.FocusPolicy.NoFocus:
                native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                native.installEventFilter(self._wheel)
        if not isinstance(field, FolderField):
            field.native.setAccessibleName(shown.label.rstrip("?"))

    def _align_labels(self) -> None:
        labels = [row.label for row in self._rows.values() if row.label is not None]
        beside = [label for label in labels if not label.text().endswith("?")]
        widths = [label.sizeHint().width() + _MARGIN for label in beside]
        width = max(widths, default=0)
        for label in beside:
            label.setMinimumWidth(width)


class _Row:
    """A label, if any, and the widgets beside it."""

    def __init__(self, title: str, widget: QWidget) -> None:
        self.box = QWidget()
        self._line = QHBoxLayout(self.box)
        self._line.setContentsMargins(0, 0, 0, 0)
        side = Qt.AlignmentFlag.AlignLeft
        if isinstance(widget, QToolButton):
            self._line.addWidget(widget, alignment=side)
        else:
            self._line.addWidget(widget)
        self.label = QLabel(title) if title else None
        if self.label is not None:
            self.label.setBuddy(widget)

    def add(self, widget: QWidget) -> None:
        """Put another widget at the right; both are narrow."""
        self._line.addWidget(widget)
        for place in range(self._line.count()):
            item = self._line.itemAt(place)
            box = None if item is None else item.widget()
            if isinstance(box, NumberBox):
                box.setButtonSymbols(NumberBox.ButtonSymbols.NoButtons)

    def show(self, on: bool) -> None:
        """Show or hide the whole row."""
        self.box.setVisible(on)
        if self.label is not None:
            self.label.setVisible(on)


class _Plain:
    """A widget of Qt with what a form needs of a widget of magicgui."""

    changed = Signal(object)

    def __init__(
        self, native: Any, read: Callable[[], Any], write: Callable[[Any], None]
    ) -> None:
        self.native, self._read, self._write = native, read, write

    @property
    def value(self) -> Any:
        """The value of the widget."""
        return self._read()

    @value.setter
    def value(self, value: Any) -> None:
        self._write(value)

    @property
    def tooltip(self) -> str:
        """The tooltip of the widget."""
        return str(self.native.toolTip())

    @tooltip.setter
    def tooltip(self, text: str) -> None:
        self.native.setToolTip(text)


class _WheelGuard(QObject):
    """Leaves the mouse wheel to the panel unless a field has the focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Pass the wheel on to whatever scrolls."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


def leave_wheel_alone(*widgets: QWidget) -> None:
    """Leave the mouse wheel to the panel unless one of these has the focus."""
    for widget in widgets:
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.installEventFilter(_WheelGuard(widget))


def combo_box(choices: Choices = (), tooltip: str = "") -> ComboBox:
    """Make a field with choices, from text to value, that does not widen the panel."""
    box = ComboBox(choices=_pairs(choices), tooltip=tooltip)
    native: Any = box.native
    native.setMinimumContentsLength(6)
    native.setSizeAdjustPolicy(
        native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    leave_wheel_alone(native)
    return box


def offer(box: ComboBox, choices: Choices, keep: bool = False) -> None:
    """Replace a box's choices, from text to value, and keep its value if possible.

    With `keep` the value stays in any case: the user has to choose another.
    """
    items, before = _pairs(choices), box.value
    offered = any(value is before or value == before for _, value in items)
    if keep and before is not None and not offered:
        items.append((str(before), before))
    if items == _items(box):
        return
    with box.changed.blocked():
        box.choices = []  # or magicgui keeps the order of those that stay
        box.choices = items
        # The list may be wider than the box, so that long names can be read there.
        view = box.native.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 16)
        if offered or (keep and before is not None):
            box.value = before
    if box.value is not before and box.value != before:
        box.changed.emit(box.value)


def frame(native: Any, colour: str) -> None:
    """Draw a frame around a widget; an empty colour removes it."""
    kind = type(native).__mro__[0].__name__
    style = f"{kind} {{ border: 1px solid {colour}; }}" if colour else ""
    set_style(native, style)


def _field(shown: Shown, default: Any) -> Any:
    """The widget for a field with this default."""
    if shown.fold:
        return _fold(shown.label)
    if isinstance(default, bool):
        return CheckBox(text=shown.label, tooltip=shown.tooltip)
    if isinstance(default, int | float):
        whole = isinstance(default, int)
        box = NumberBox(shown.least, shown.most, whole=whole, blank=shown.blank)
        kind = int if whole else float
        field = _Plain(box, lambda: kind(box.value()), box.setValue)
        box.valueChanged.connect(lambda value: field.changed.emit(kind(value)))
        field.tooltip = shown.tooltip
        return field
    if shown.choices is not None:
        return combo_box(shown.choices, shown.tooltip)
    if shown.folder:
        return FolderField(shown.label, shown.tooltip)
    line = LineEdit(tooltip=shown.tooltip)
    line.native.setPlaceholderText(shown.blank)
    return line


def _fold(label: str) -> _Plain:
    """An arrow with a label that opens and closes what follows."""
    button = QToolButton()
    button.setText(label)
    button.setCheckable(True)
    button.setAutoRaise(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setArrowType(Qt.ArrowType.RightArrow)

    def turned(opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        button.setArrowType(arrow)
        field.changed.emit(opened)

    field = _Plain(button, button.isChecked, button.setChecked)
    button.toggled.connect(turned)
    return field


def _names_itself(field: Any) -> bool:
    return isinstance(field.native, QToolButton) or isinstance(field, CheckBox)


def _pairs(choices: Choices) -> list[tuple[str, Any]]:
    """Texts and values; a text that is there already gets a number."""
    pairs = choices.items() if isinstance(choices, Mapping) else choices
    made: dict[str, Any] = {}
    for text, value in pairs:
        made[free_text(text, made)] = value
    return list(made.items())


def _items(box: ComboBox) -> list[tuple[str, Any]]:
    native: Any = box.native
    texts = [native.itemText(index) for index in range(native.count())]
    return list(zip(texts, box.choices, strict=True))
