"""A field for a folder."""

from pathlib import Path

from magicgui.widgets import Container, LineEdit, PushButton, Widget
from qtpy.QtWidgets import QFileDialog

_BUTTON_WIDTH = 34


class FolderField(Container[Widget]):
    """A line to type a folder in, and a button to choose one."""

    def __init__(self, label: str, tooltip: str) -> None:
        self.line = LineEdit(tooltip=tooltip)
        self.button = PushButton(text="…", tooltip="Choose a folder.")
        self.line.native.setAccessibleName(label)
        self.button.native.setAccessibleName("Choose a folder")
        self.button.native.setFixedWidth(_BUTTON_WIDTH)
        super().__init__(
            widgets=[self.line, self.button], layout="horizontal", labels=False
        )
        self.margins = (0, 0, 0, 0)
        self.button.changed.connect(self._choose)

    @property
    def value(self) -> str:
        """The folder as typed."""
        return str(self.line.value)

    @value.setter
    def value(self, folder: str) -> None:
        self.line.value = folder

    def _choose(self) -> None:
        start = self.value or str(Path.home())
        folder = QFileDialog.getExistingDirectory(self.native, "Images", start)
        if folder:
            self.value = folder
