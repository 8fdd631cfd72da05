"""What stands below a form: a message, a button that starts and stops, and a bar."""

from collections.abc import Sequence

from qtpy.QtWidgets import QProgressBar, QWidget

from napari_vdsr.plugin.jobs import Tick
from napari_vdsr.plugin.widgets.elements import (
    breakable,
    colour_words,
    message_colour,
    push_button,
    put_below,
    set_style,
    side_by_side,
    theme_colour,
    tooltip_of_lines,
    wrapping_label,
)
from napari_vdsr.plugin.words import Outlook, words_of

_STEPS = 1000  # of a full bar
_HEIGHT = 8  # pixels of the bar


class RunBar(QWidget):
    """A message, a button that starts work or stops it, and a progress bar.

    `text` and `tooltip` are those of the idle button. `others` stand beside it, and
    `above` between it and the message, for which so many `lines` are kept free that
    buttons do not move under the mouse.
    """

    def __init__(
        self,
        text: str,
        tooltip: str,
        *others: QWidget,
        above: Sequence[QWidget] = (),
        lines: int = 0,
    ) -> None:
        super().__init__()
        self._idle, self._lines = (text, tooltip), lines
        self.news = Outlook("")  # how the last work ended, until the next begins
        self.message = wrapping_label(lines=lines)
        self.button = push_button(text, tooltip)
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setAccessibleName("Progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(_HEIGHT)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that nothing below it moves
        self.bar.setSizePolicy(policy)
        row = side_by_side(self.button, *others)
        put_below(self, self.message, *above, row, self.bar)
        self.say("")
        self.show_idle()

    def name_button(self, text: str, tooltip: str) -> None:
        """Say on the button what it does."""
        self.button.setText(text)
        self.button.setToolTip(tooltip)

    def show_idle(self) -> None:
        """Show that no work is going on."""
        self.name_button(*self._idle)
        self.bar.setValue(0)
        self.bar.hide()

    def show_running(
        self, text: str = "Cancel", tooltip: str = "Stop; nothing half-done is shown."
    ) -> None:
        """Show that work has begun and what the button does meanwhile."""
        self.news = Outlook("")
        self.name_button(text, tooltip)
        self.button.setEnabled(True)
        self.bar.show()

    def show_stopping(self) -> None:
        """Show that the work was asked to stop."""
        self.button.setText("Stopping …")
        self.button.setEnabled(False)

    def show_tick(self, tick: Tick) -> None:
        """Show how far the work has come."""
        self.show_fraction(tick.fraction)
        self.say(words_of(tick))

    def show_fraction(self, fraction: float) -> None:
        """Show how far the work has come, from 0 to 1."""
        self.bar.setValue(round(fraction * _STEPS))

    def show_outlook(self, outlook: Outlook, theme: str) -> None:
        """Show what the button would do, or why it cannot; above it the last news."""
        if outlook.possible:
            outlook = outlook.below(self.news)
        self.say(outlook.text, message_colour(outlook.level, theme), outlook.details)
        self.button.setEnabled(outlook.possible)
        self.emphasise(theme)

    def emphasise(self, theme: str) -> None:
        """Colour the bar, and the button while it is enabled."""
        ground = f"{{ background-color: {theme_colour(theme, 'current')}; }}"
        set_style(self.button, f"QPushButton:enabled {ground}")
        set_style(self.bar, f"QProgressBar::chunk {ground}")

    def say(self, text: str, colour: str = "", details: str = "") -> None:
        """Show a text of any length; an empty colour is the usual one."""
        self.message.setText(breakable(text))
        self.message.setToolTip(tooltip_of_lines(details))
        self.message.setVisible(bool(text or self._lines))
        colour_words(self.message, colour)
