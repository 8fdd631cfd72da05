"""Every field of every panel can be used with the keyboard and read by a program."""

import dataclasses
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollBar,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QTabWidget,
    QWidget,
)

from napari_vdsr.plugin.enlarge.panel import SuperResolution
from napari_vdsr.plugin.scores.panel import Psnr
from napari_vdsr.plugin.training.panel import Training
from napari_vdsr.plugin.widgets.access import make_accessible
from napari_vdsr.plugin.widgets.elements import message_colour

pytestmark = pytest.mark.usefixtures("nothing_drawn")

FIELDS = (
    *(QComboBox, QAbstractSpinBox, QLineEdit, QListWidget),
    *(QAbstractSlider, QAbstractButton),
)
NARROWEST = 300  # pixels that a panel has at least


@pytest.fixture(params=[SuperResolution, Training, Psnr])
def panel(request: Any, viewer: Any, cells: Any) -> Any:
    viewer.add_image(cells, name="cells")
    made = request.param(viewer)
    viewer.window.add_dock_widget(made, name="panel")
    for book in made.findChildren(QTabWidget):
        for index in reversed(range(book.count())):
            book.setCurrentIndex(index)  # a page is made when it is first shown
    return made


def pages_of(panel: QWidget) -> Iterator[None]:
    """Show one page after the other; a panel without tabs is one page."""
    books = panel.findChildren(QTabWidget)
    if not books:
        yield
    for book in books:
        for index in range(book.count()):
            book.setCurrentIndex(index)
            yield


def fields_of(panel: QWidget) -> list[Any]:
    """All fields, also those that do not matter now, without parts of others."""
    inner = (QComboBox, QAbstractSpinBox)
    return [
        widget
        for widget in panel.findChildren(QWidget)
        if isinstance(widget, FIELDS)
        and not isinstance(widget, QScrollBar)
        and not isinstance(widget.parent(), (*inner, QListWidget))
        and not widget.objectName().startswith(("qt_", "ScrollLeft", "ScrollRight"))
        and not _is_inside(widget, "PlotWidget", "QTabBar", "QTableWidget")
    ]


def _is_inside(widget: QWidget, *names: str) -> bool:
    parent = widget.parentWidget()
    while parent is not None:
        if type(parent).__name__ in names:
            return True
        parent = parent.parentWidget()
    return False


def test_a_panel_opens_wide_enough_for_its_words(panel: QWidget) -> None:
    """The training panel opened with 220 pixels, and "selected: filame" was cut."""
    assert panel.sizeHint().width() >= NARROWEST


def test_every_field_has_a_name(panel: QWidget) -> None:
    buddies = {label.buddy() for label in panel.findChildren(QLabel)}
    nameless = [
        f"{type(field).__name__} {field.toolTip()[:40]}"
        for field in fields_of(panel)
        if not field.accessibleName()
        and not (isinstance(field, QAbstractButton) and field.text())
        and field not in buddies
    ]
    assert not nameless


def test_the_wheel_changes_no_field_without_the_focus(panel: QWidget) -> None:
    """Scrolling the panel changed depth, recipe and device."""
    kinds = (QComboBox, QAbstractSpinBox, QAbstractSlider)
    changed = []
    for field in fields_of(panel):
        if not isinstance(field, kinds):
            continue
        assert field.focusPolicy() != Qt.FocusPolicy.WheelFocus
        before = _value(field)
        turn_wheel(field)
        if _value(field) != before:
            changed.append(field.accessibleName())
    assert not changed


def _value(field: Any) -> Any:
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


def turn_wheel(widget: QWidget) -> None:
    event = QWheelEvent(
        QPointF(3, 3),
        QPointF(3, 3),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_a_double_click_on_a_button_counts_as_one(panel: QWidget) -> None:
    """The second click stopped the run that the first began."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for button in panel.findChildren(QPushButton):
        button.setEnabled(True)
        kind, place = QEvent.Type.MouseButtonDblClick, QPointF(3, 3)
        QApplication.sendEvent(button, QMouseEvent(kind, place, left, left, none))
        assert not button.isDown(), button.text()


def test_enter_presses_a_button_as_the_space_bar_does(qtbot: Any) -> None:
    """Held down, it would begin and stop again and again."""
    parent, pressed = QWidget(), []
    qtbot.addWidget(parent)
    button = QPushButton("Run", parent)
    button.clicked.connect(lambda: pressed.append("Run"))
    make_accessible(parent)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
        qtbot.keyClick(button, key)
    assert len(pressed) == 3
    down, none = QEvent.Type.KeyPress, Qt.KeyboardModifier.NoModifier
    held = QKeyEvent(down, Qt.Key.Key_Return, none, autorep=True)
    QApplication.sendEvent(button, held)
    assert len(pressed) == 3
    button.setEnabled(False)
    qtbot.keyClick(button, Qt.Key.Key_Return)
    assert len(pressed) == 3


def test_the_tab_key_goes_through_the_fields_from_top_to_bottom(panel: QWidget) -> None:
    panel.resize(350, 1200)
    for _ in pages_of(panel):
        panel.grab()  # lays everything out
        fields = [field for field in fields_of(panel) if field.isVisibleTo(panel)]
        places = {field: field.mapTo(panel, QPoint(0, 0)).y() for field in fields}
        order = [places[field] for field in tab_chain(fields[0]) if field in places]
        assert len(order) > 1
        start = order.index(min(order))
        order = [*order[start:], *order[:start]]  # the chain is a circle
        steps_up = [b for a, b in pairwise(order) if b < a - 10]  # beside one another
        assert not steps_up


def tab_chain(start: QWidget) -> Iterator[QWidget]:
    """What the Tab key comes to, from a widget once around."""
    widget: Any = start
    while True:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            yield widget
        widget = widget.nextInFocusChain()
        if widget is start:
            return


def test_the_tab_key_comes_from_the_tabs_to_the_page_below(
    viewer: Any, cells: Any
) -> None:
    viewer.add_image(cells, name="cells")
    panel = Psnr(viewer)
    viewer.window.add_dock_widget(panel, name="panel")
    bar = panel.book.tabBar()
    assert bar is not None
    for _ in pages_of(panel):
        chain = [field for field in tab_chain(bar) if field.isVisibleTo(panel)]
        page = panel.book.currentWidget()
        assert page is not None
        assert page.isAncestorOf(chain[1])


@pytest.mark.usefixtures("kept_viewer")  # with the style of napari
def test_nothing_is_cut_where_the_panel_is_narrow(panel: QWidget) -> None:
    assert panel.minimumSizeHint().width() <= NARROWEST
    bars = panel.findChildren(QTabBar)
    assert all(bar.sizeHint().width() <= NARROWEST for bar in bars)


@pytest.mark.usefixtures("make_napari_viewer")  # it is shown
def test_every_choice_is_read_whole_where_the_panel_is_narrow(
    viewer: Any, panel: Any, qtbot: Any
) -> None:
    viewer.layers[0].name = "coins (original)"
    qtbot.waitUntil(lambda: panel.idle)
    names = {field.name for field in dataclasses.fields(panel.settings)}
    if "more" in names:
        panel.settings = panel.settings.changed({"more": True, "begin": "model"})
    dock = panel.parentWidget()
    while not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    dock.setFixedWidth(NARROWEST)
    viewer.window._qt_window.resize(900, 500)  # with a scroll bar
    viewer.window._qt_window.show()
    seen, cut = set(), set()
    for _ in pages_of(panel):
        qtbot.wait(50)
        for box in panel.findChildren(QComboBox):
            if box.isVisible():
                texts = {box.itemText(index) for index in range(box.count())}
                seen |= texts
                cut |= {text for text in texts if not fits(box, text)}
    assert {"vdsr20: reduced images", "vdsr20-scanner: confocal"} <= seen
    # The headline of a model that is yet to be fetched goes on in its tooltip.
    assert {text for text in cut if not text.startswith("needs ")} == set()


def fits(box: QComboBox, text: str) -> bool:
    """Whether a text is seen whole beside the arrow of its box."""
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    style, kind = box.style(), QStyle.ComplexControl.CC_ComboBox
    assert style is not None
    field = QStyle.SubControl.SC_ComboBoxEditField
    room = style.subControlRect(kind, option, field, box)
    return room.width() >= box.fontMetrics().horizontalAdvance(text)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("level", ["error", "warning"])
def test_messages_can_be_read_in_both_themes(theme: str, level: str) -> None:
    """Warnings had 1.56:1 on the light ground."""
    ground = get_theme(theme).background.as_rgb_tuple()[:3]
    colour = message_colour(level, theme).lstrip("#")
    assert contrast(tuple(bytes.fromhex(colour)), ground) >= 4.5


def contrast(one: Any, other: Any) -> float:
    """The ratio of WCAG 2."""
    low, high = sorted(_luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Any) -> float:
    parts = [value / 255 for value in colour]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return float(
        sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    )


@pytest.mark.usefixtures("kept_viewer")  # with the style of napari
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_field_with_the_keyboard_is_outlined(
    viewer: Any, panel: Any, theme: str
) -> None:
    viewer.theme = theme
    panel.catch_up()
    (colour,) = re.findall(r":focus \{ border: 1px solid #(\w+);", panel.styleSheet())
    ground = get_theme(theme).background.as_rgb_tuple()[:3]
    assert contrast(tuple(bytes.fromhex(colour)), ground) >= 3
