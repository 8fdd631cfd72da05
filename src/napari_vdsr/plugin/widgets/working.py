"""Buttons and slim progress bars that stay in place."""

from magicgui.widgets import PushButton
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QWidget

BAR_STEPS = 1000  # of a full bar
BUTTON_HEIGHT = 28  # pixels; without it, it changes with the state of the button


def keep_slim(bar: QProgressBar, height: int) -> None:
    """Show a bar as a line that keeps its space even while it is hidden."""
    bar.setTextVisible(False)
    bar.setFixedHeight(height)
    policy = bar.sizePolicy()
    policy.setRetainSizeWhenHidden(True)  # so that nothing below it moves
    bar.setSizePolicy(policy)


def push_button(text: str, tooltip: str) -> PushButton:
    """Make a button whose height does not change."""
    button = PushButton(text=text, tooltip=tooltip)
    button.native.setFixedHeight(BUTTON_HEIGHT)
    return button


def side_by_side(*buttons: PushButton) -> QWidget:
    """Put buttons into a row."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    for button in buttons:
        line.addWidget(button.native)
    return row
