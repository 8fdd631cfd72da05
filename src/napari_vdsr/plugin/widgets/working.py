"""Button height and slim progress bars that stay in place."""

from qtpy.QtWidgets import QProgressBar

BAR_STEPS = 1000  # of a full bar
BUTTON_HEIGHT = 28  # pixels; without it, it changes with the state of the button


def keep_slim(bar: QProgressBar, height: int) -> None:
    """Show a bar as a line that keeps its space even while it is hidden."""
    bar.setTextVisible(False)
    bar.setFixedHeight(height)
    policy = bar.sizePolicy()
    policy.setRetainSizeWhenHidden(True)  # so that nothing below it moves
    bar.setSizePolicy(policy)
