"""Asks where to save."""

import re
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QLineEdit, QMessageBox, QWidget

from napari_vdsr.files.folders import file_name
from napari_vdsr.plugin.enlarge.plan import Task
from napari_vdsr.plugin.enlarge.work import (
    check_whole,
    in_the_way,
    targets_of,
)
from napari_vdsr.plugin.settings import FieldError

_TITLE = "Save the enlarged layer"
_KINDS = {"OME-Zarr (*.zarr)": ".zarr", "OME-TIFF (*.ome.tif)": ".ome.tif"}

Target = tuple[Path, bool]


def ask_for_target(parent: QWidget, tasks: Sequence[Task]) -> Target | None:
    """Let the user choose a file for one result, or a folder for several.

    Gives it and whether existing files may be replaced; None when the user cancels.
    Raises FieldError when a task is not a full layer.
    """
    check_whole(tasks)
    if len(tasks) == 1:
        dialog = _SaveDialog(parent, tasks)
        dialog.exec()
        dialog.deleteLater()
        return dialog.target
    title = f"Folder for {len(tasks)} enlarged layers (OME-Zarr)"
    chosen = QFileDialog.getExistingDirectory(parent, title)
    if not chosen:
        return None
    return _allowed(parent, Path(chosen), targets_of(tasks, Path(chosen)))


class _SaveDialog(QFileDialog):
    """Asks for a file; images that are folders can be chosen, too.

    Qt's own dialogs, and those of the system, would enter such a folder.
    """

    def __init__(self, parent: QWidget, tasks: Sequence[Task]) -> None:
        super().__init__(parent, _TITLE)
        self._tasks = tasks
        self.target: Target | None = None  # the final choice
        self.setOption(QFileDialog.Option.DontUseNativeDialog)
        self.setOption(QFileDialog.Option.DontConfirmOverwrite)
        self.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.setNameFilters(list(_KINDS))
        self.selectFile(f"{file_name(tasks[0].layer.name)}.zarr")
        self.filterSelected.connect(self._change_ending)

    def accept(self) -> None:
        """Accept the name that was typed, or say what is wrong with it."""
        path = Path(self.selectedFiles()[0])
        if path.is_dir() and path.suffix.lower() != ".zarr":
            super().accept()  # this enters the folder
            return
        try:
            targets = targets_of(self._tasks, path, _KINDS[self.selectedNameFilter()])
        except FieldError as error:
            QMessageBox.warning(self, _TITLE, str(error))
            return
        self.target = _allowed(self, targets[0], targets)
        if self.target is not None:
            self.done(QFileDialog.DialogCode.Accepted)

    def _change_ending(self, kind: str) -> None:
        # Qt inserts only the part of the ending after its last dot.
        line = self.findChild(QLineEdit)
        assert line is not None
        stem = re.sub(r"(\.ome)?\.(zarr|tiff?)$", "", line.text(), flags=re.IGNORECASE)
        line.setText(f"{stem}{_KINDS[kind]}")


def _allowed(parent: QWidget, chosen: Path, targets: Sequence[Path]) -> Target | None:
    """What was chosen, or None if something is there that must not be replaced."""
    question = in_the_way(targets)
    if not question:
        return chosen, False
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    answer = QMessageBox.question(parent, _TITLE, question, yes | no, no)
    return (chosen, True) if answer == yes else None
