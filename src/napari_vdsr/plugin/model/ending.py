"""What is said when a run has ended."""

from napari_vdsr.plugin.model.estimate import format_duration
from napari_vdsr.plugin.model.execution import Execution
from napari_vdsr.plugin.model.saving import Saving

__all__ = ["how_it_ended"]


def how_it_ended(execution: Execution) -> str:
    """Sum up a run in a line.

    Parameters
    ----------
    execution : Execution
        That has ended.

    Returns
    -------
    str
    """
    if execution.outcome == "cancelled":
        if isinstance(execution, Saving):
            return "Stopped. Save under the same name to go on."
        return "Stopped; nothing half-done was added."
    if execution.outcome != "done":
        return "Failed."
    count = len(execution.jobs)
    if isinstance(execution, Saving):
        names = [path.name for path in execution.targets.values()]
        saved = count - execution.failed
        news = f"Saved as {names[0]}." if count == 1 else f"Saved {saved} files."
    elif any(job.pixels for job in execution.jobs):
        news = f"Done in {format_duration(execution.seconds)}."
    else:
        news = "Added."
    if execution.failed:
        news += f" {execution.failed} of {count} failed."
    return news
