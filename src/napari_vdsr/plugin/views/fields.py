"""Fields that panels are made of, and what can be done with any of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from magicgui.widgets import ComboBox, Container, Label, Widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

_MARGIN = 10  # pixels that the style adds to a label once it is shown


def choice(
    name: str, tooltip: str, choices: Mapping[str, str] | None = None
) -> ComboBox:
    """Make a field with choices that does not widen the panel.

    Parameters
    ----------
    name : str
        Of the field.
    tooltip : str
        What the field is for.
    choices : mapping of str to str, optional
        Texts and the values that they stand for.

    Returns
    -------
    magicgui.widgets.ComboBox
    """
    box = ComboBox(name=name, tooltip=tooltip, choices=list((choices or {}).items()))
    # A long name must not make the whole panel wide.
    native = box.native
    native.setMinimumContentsLength(6)
    native.setSizeAdjustPolicy(
        native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    return box


def row(label: str, *widgets: Widget) -> Container[Widget]:
    """Put fields beside one another, behind one label.

    Parameters
    ----------
    label : str
        Before them; may be empty.
    *widgets : Widget
        The fields.

    Returns
    -------
    magicgui.widgets.Container
    """
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
    """Label the fields of a form, with all labels as wide as the widest one needs.

    Parameters
    ----------
    form : Container
        Of fields and rows; rows have labels already.
    labels : mapping of str to str
        By name of the field.
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
        if not label.text():  # its field asks its own question
            label.hide()


def offer(box: ComboBox, choices: Mapping[str, str], keep: bool = False) -> None:
    """Give a box other choices and keep what was chosen, if it is still there.

    Parameters
    ----------
    box : ComboBox
        The field.
    choices : mapping of str to str
        Texts and the values that they stand for.
    keep : bool
        Keep what was chosen in any case: it is for the user to choose another.
    """
    items = list(choices.items())
    if keep and box.value is not None and box.value not in choices.values():
        items.append((str(box.value), str(box.value)))
    if items == list(zip(_texts(box), box.choices, strict=True)):
        return
    before = box.value
    values = [value for _, value in items]
    with box.changed.blocked():
        box.choices = []  # magicgui keeps those that stay where they are
        box.choices = items
        # The list may be wider than the box, so that long names can be read there.
        view = box.native.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 16)
        if before in values:
            box.value = before
    if box.value != before:
        box.changed.emit(box.value)


def offer_devices(box: ComboBox, devices: Sequence[str]) -> None:
    """Let a device be chosen, or left to the program.

    Parameters
    ----------
    box : ComboBox
        The field.
    devices : sequence of str
        As this machine has them, the best one first.
    """
    names = {f"auto ({devices[0]})": "auto"} | {name: name for name in devices}
    offer(box, names, keep=True)


def choose(box: ComboBox, value: str) -> None:
    """Set a box, to a value that it may not have offered until now.

    Parameters
    ----------
    box : ComboBox
        The field.
    value : str
        Added where it is missing, so that whoever checks it can say what is wrong.
    """
    if value not in box.choices:
        box.choices = [*zip(_texts(box), box.choices, strict=True), (value, value)]
    box.value = value


def frame(widgets: Sequence[Widget], marked: Sequence[Widget], colour: str) -> None:
    """Frame the fields that are wrong, and no others.

    Parameters
    ----------
    widgets : sequence of Widget
        All fields that can be wrong.
    marked : sequence of Widget
        Those that are.
    colour : str
        Of the frame.
    """
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
