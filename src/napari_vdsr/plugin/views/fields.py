"""Fields of the panels, and functions for any of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from magicgui.widgets import ComboBox, Container, Label, Widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

_MARGIN = 10  # pixels that the style adds to a visible label


def choice(
    name: str, tooltip: str, choices: Mapping[str, str] | None = None
) -> ComboBox:
    """Make a field with choices, from text to value, that does not widen the panel."""
    box = ComboBox(name=name, tooltip=tooltip, choices=list((choices or {}).items()))
    native = box.native
    native.setMinimumContentsLength(6)
    native.setSizeAdjustPolicy(
        native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    return box


def row(label: str, *widgets: Widget) -> Container[Widget]:
    """Put fields beside one another, behind one label, which may be empty."""
    made: Container[Widget] = Container(
        widgets=list(widgets), layout="horizontal", labels=False, label=label
    )
    made.margins = (0, 0, 0, 0)
    return made


def asked(question: str, field: Widget) -> Container[Widget]:
    """Put a field below a question, both as wide as the form."""
    made: Container[Widget] = Container(
        widgets=[Label(value=question), field], labels=False, label=""
    )
    made.margins = (0, 0, 0, 0)
    return made


def label_fields(form: Container[Widget], labels: Mapping[str, str]) -> None:
    """Label the fields of a form by their names, in one column as wide as needed.

    Rows of fields have labels already.
    """
    form.margins = (0, 0, 0, 0)
    for field in form:
        field.label = labels.get(field.name, field.label)
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    shown = [
        field.native.parentWidget().findChild(QLabel, options=direct) for field in form
    ]
    width = max(label.sizeHint().width() for label in shown) + _MARGIN
    for label in shown:
        label.setMinimumWidth(width)
        if not label.text():  # the question stands above the field
            label.hide()


def offer(box: ComboBox, choices: Mapping[str, str], keep: bool = False) -> None:
    """Replace a box's choices, from text to value, and keep its value if possible.

    With `keep` the value stays in any case: the user has to choose another.
    """
    items = list(choices.items())
    if keep and box.value is not None and box.value not in choices.values():
        items.append((str(box.value), str(box.value)))
    if items == list(zip(_texts(box), box.choices, strict=True)):
        return
    before = box.value
    values = [value for _, value in items]
    with box.changed.blocked():
        box.choices = []  # or magicgui keeps the order of those that stay
        box.choices = items
        # The list may be wider than the box, so that long names can be read there.
        view = box.native.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 16)
        if before in values:
            box.value = before
    if box.value != before:
        box.changed.emit(box.value)


def offer_devices(box: ComboBox, devices: Sequence[str]) -> None:
    """Offer "auto" and these devices, the best one first."""
    names = {f"auto ({devices[0]})": "auto"} | {name: name for name in devices}
    offer(box, names, keep=True)


def choose(box: ComboBox, value: str) -> None:
    """Set a box to a value, adding it to the choices if needed.

    So whoever checks the value can say what is wrong with it.
    """
    if value not in box.choices:
        box.choices = [*zip(_texts(box), box.choices, strict=True), (value, value)]
    box.value = value


def frame(widgets: Sequence[Widget], marked: Sequence[Widget], colour: str) -> None:
    """Draw a frame around the marked fields, and remove it from the others."""
    for widget in widgets:
        native: Any = widget.native
        kind = type(native).__mro__[0].__name__
        wrong = any(widget is each for each in marked)
        style = f"{kind} {{ border: 1px solid {colour}; }}" if wrong else ""
        if native.styleSheet() != style:
            native.setStyleSheet(style)


def _texts(box: ComboBox) -> list[str]:
    native: Any = box.native
    return [native.itemText(index) for index in range(native.count())]
