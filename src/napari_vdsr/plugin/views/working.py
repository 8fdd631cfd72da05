"""What panels show of work that goes on: buttons and a slim bar that stay in place."""

from qtpy.QtWidgets import QProgressBar

BAR_STEPS = 1000
"""Of a bar from its beginning to its end."""

BUTTON_HEIGHT = 28
"""Pixels; otherwise it changes with the state of the button."""


def keep_slim(bar: QProgressBar, height: int) -> None:
    """Show a bar as a line, which takes its room even while it is hidden.

    Parameters
    ----------
    bar : QProgressBar
        To be set up.
    height : int
        Pixels.
    """
    bar.setTextVisible(False)
    bar.setFixedHeight(height)
    policy = bar.sizePolicy()
    policy.setRetainSizeWhenHidden(True)  # so that nothing below it moves
    bar.setSizePolicy(policy)
