"""Forms made from settings: what is typed, remembered and shown."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QEvent, QLocale, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_vdsr.plugin.settings import FieldError, Remembered, read_numbers, shown
from napari_vdsr.plugin.widgets.access import make_accessible
from napari_vdsr.plugin.widgets.form import Form
from napari_vdsr.plugin.widgets.inputs import NumberBox


@dataclass(frozen=True)
class Coffee(Remembered):
    """Settings with a field of every kind."""

    kind: str = shown(
        "mocha", "Kind", "Which.", choices={"Mocha": "mocha", "Filter": "filter"}
    )
    grind: float = shown(2.0, "Grind", least=1, most=9)
    cups: int = shown(0, "Cups", most=20, blank="as many as guests")
    beans: str = shown("", "Where are they?", folder=True)
    milk: bool = shown(False, "milk", row="Also")
    oat: bool = shown(False, "oats", beside=True)
    more: bool = shown(False, "More", fold=True)
    note: str = shown("", "Note", when=lambda settings: settings.kind == "filter")
    secret: int = 3  # has no field


@pytest.fixture
def form(qtbot: Any) -> Form[Coffee]:
    made = Form(Coffee())
    make_accessible(made)  # as a panel does
    qtbot.addWidget(made)
    made.show()
    return made


def type_into(box: Any, text: str) -> None:
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)


def test_values_come_from_the_fields_and_go_back(form: Form[Coffee]) -> None:
    wanted = Coffee("filter", 2.5, 4, "/beans", True, False, True, "hot", 7)
    form.settings = wanted
    assert form.settings == wanted
    form["cups"].value = 5
    assert form.settings == wanted.changed({"cups": 5})


def test_a_value_that_is_not_offered_is_shown_for_whoever_checks_it(
    form: Form[Coffee],
) -> None:
    form.settings = Coffee(kind="tea")
    assert form.settings.kind == "tea"
    form["kind"].offer({"Mocha": "mocha"}, keep=True)
    assert form.settings.kind == "tea"
    form["kind"].offer({"Mocha": "mocha"})
    assert form.settings.kind == "mocha"


def test_a_value_that_is_called_like_an_offered_one_does_not_replace_it(
    form: Form[Coffee],
) -> None:
    form["kind"].offer({"Mocha": "mocha"})
    form["kind"].value = "Mocha"
    assert form["kind"].choices == ("mocha", "Mocha")
    assert form["kind"].native.currentText() == "Mocha (2)"


def test_two_choices_may_have_one_text(form: Form[Coffee]) -> None:
    form["kind"].offer([("image", "a"), ("image", "b")])
    form["kind"].value = "b"
    assert form["kind"].native.currentText() == "image (2)"


@pytest.mark.parametrize(
    ("language", "typed", "shown"),
    [("C", "2.5", "2.5"), ("C", "2,5", "2.5"), ("de_DE", "2.5", "2,5")],
)
def test_comma_and_point_are_decimal_marks(
    form: Form[Coffee], language: str, typed: str, shown: str
) -> None:
    box = form["grind"].native
    box.setLocale(QLocale(language))
    type_into(box, typed)
    assert form["grind"].value == 2.5
    assert box.text() == shown


def test_numbers_out_of_range_and_words_cannot_be_entered(form: Form[Coffee]) -> None:
    box = form["grind"].native
    type_into(box, "77")
    assert 1 <= form["grind"].value <= 9
    before = form["grind"].value
    type_into(box, "coarse")
    assert form["grind"].value == before


def test_an_empty_number_stands_for_what_is_shown_in_grey(form: Form[Coffee]) -> None:
    box = form["cups"].native
    assert box.text() == ""
    assert box.lineEdit().placeholderText() == "as many as guests"
    form.suggest("cups", "12", 12)
    box.stepUp()
    assert form["cups"].value == 12
    type_into(box, "1,5")  # no whole number
    assert form["cups"].value == int(form["cups"].value)
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_Delete)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert form["cups"].value == 0


@given(st.floats(1e-6, 1e6))
def test_what_a_box_shows_is_what_it_reads(value: float) -> None:
    box = NumberBox.__new__(NumberBox)  # no window is needed to read and write
    NumberBox.__init__(box, 0, 1e9)
    text = box.textFromValue(value)
    assert box.valueFromText(text) == pytest.approx(value, rel=1e-5)


def test_what_does_not_matter_is_hidden(form: Form[Coffee]) -> None:
    assert not form["note"].native.isVisible()
    form["kind"].value = "filter"
    assert not form["note"].native.isVisible()  # folded
    form["more"].native.click()
    assert form["note"].native.isVisible()
    assert form.settings.more  # and remembered so
    form.allow("kind", False)
    assert not form["kind"].native.isVisible()


def test_the_row_of_a_wrong_field_is_framed(form: Form[Coffee]) -> None:
    form.mark("beans", "#ff0000")
    assert "#ff0000" in form["beans"].line.styleSheet()
    form.mark("oat", "#ff0000")
    assert "border" not in form["beans"].line.styleSheet()
    assert "border" in form["milk"].native.styleSheet()


def test_every_field_has_an_accessible_name_and_its_label_a_buddy(
    form: Form[Coffee],
) -> None:
    buddies = {label.text(): label.buddy() for label in form.findChildren(QLabel)}
    assert buddies["Kind"] is form["kind"].native
    assert buddies["Where are they?"] is form["beans"].native
    assert form["grind"].native.accessibleName() == "Grind"
    assert form["beans"].line.accessibleName() == "Where are they"


def test_the_wheel_changes_a_field_only_while_it_has_the_focus(
    form: Form[Coffee], qtbot: Any
) -> None:
    form["more"].native.setFocus()
    for name in ("kind", "grind", "cups"):
        box, before = form[name].native, form[name].value
        turn_wheel(box)
        assert form[name].value == before
        assert box.focusPolicy() == Qt.FocusPolicy.StrongFocus
    form.activateWindow()
    box = form["grind"].native
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    turn_wheel(box)
    assert form["grind"].value < 2


def turn_wheel(widget: Any) -> None:
    point = QPointF(widget.rect().center())
    place = QPointF(widget.mapToGlobal(widget.rect().center()))
    event = QWheelEvent(
        point,
        place,
        QPointF(0, -120).toPoint(),
        QPointF(0, -120).toPoint(),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    assert event.type() == QEvent.Type.Wheel
    QApplication.sendEvent(widget, event)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        *(("2", [2.0]), ("2, 3", [2.0, 3.0]), ("1.5; 2,", [1.5, 2.0]), ("×2", [2.0])),
        *(("2×", [2.0]), ("2 x", [2.0]), ("2 × 3", [2.0, 3.0]), ("2x3", [2.0, 3.0])),
        ("×2, ×3", [2.0, 3.0]),
    ],
)
def test_several_numbers(text: str, numbers: list[float]) -> None:
    assert read_numbers("f", text, "factor", "one") == numbers


@pytest.mark.parametrize("text", ["2,5", "0,5", "2, 2,5", "two", "", "2.5.1"])
def test_numbers_that_may_be_misread_are_refused(text: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_numbers("f", text, "factor", "one number")
    assert caught.value.field == "f"


def test_numbers_that_an_older_version_kept_as_text_are_read() -> None:
    assert Coffee().changed({"cups": "4", "grind": "x", "milk": 1}) == Coffee(cups=4)
    assert Coffee().changed({"cups": float("inf")}) == Coffee()


def test_what_a_fold_hides_takes_what_it_is_told(qtbot: Any) -> None:
    form = Form(Coffee(kind="filter", note="hot"))
    qtbot.addWidget(form)
    form.settings = form.settings.changed({"note": "cold"})
    form.mark("cups", "#ff0000")
    form.mark("", "")
    form.suggest("note", "cold")
    form.suggest("note", "how it was")
    form.explain("note", "Anything.")
    assert form.settings == Coffee(kind="filter", note="cold")
    assert form["note"].value == "cold"
    assert form["note"].native.placeholderText() == "how it was"
    assert form["note"].native.toolTip() == "Anything."
    assert form["note"].native.isHidden()


@pytest.mark.parametrize("remembered", [True, False])
def test_the_tab_key_goes_through_an_opened_fold(qtbot: Any, remembered: bool) -> None:
    around, below = QWidget(), QPushButton()
    qtbot.addWidget(around)
    form = Form(Coffee(kind="filter", note="hot", more=remembered))
    column = QVBoxLayout(around)
    column.addWidget(form)
    column.addWidget(below)
    around.show()
    if not remembered:
        form["more"].native.click()
    assert form["note"].native.isVisible()
    assert form.settings.note == "hot"
    assert following(form["more"].native) is form["note"].native
    assert following(form["note"].native) is below


def following(widget: Any) -> Any:
    """What the Tab key comes to next."""
    widget = widget.nextInFocusChain()
    while not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
        widget = widget.nextInFocusChain()
    return widget


def test_choices_stay_when_a_form_moves(qtbot: Any, form: Form[Coffee]) -> None:
    form["kind"].offer([("Mocha", "mocha"), ("Tea", "tea")])
    form["kind"].value = "tea"
    box = QWidget()
    qtbot.addWidget(box)
    form["kind"].native.setParent(box)
    assert form["kind"].choices == ("mocha", "tea")
    assert form["kind"].value == "tea"
