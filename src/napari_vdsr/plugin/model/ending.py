"""The message at the end of a run."""

from napari_vdsr.plugin.model.estimate import Outlook, format_duration
from napari_vdsr.plugin.model.execution import Execution
from napari_vdsr.plugin.model.jobs import in_short
from napari_vdsr.plugin.model.saving import Saving


def how_it_ended(execution: Execution) -> Outlook:
    """Sum up a finished run: outcome, what failed and why, and what was left out."""
    batch = execution.batch
    reasons = execution.message.splitlines()
    lines = [
        _outcome(execution),
        *in_short(reasons, "failed"),
        *batch.left_out_in_short,
    ]
    return Outlook("\n".join(lines), details="\n".join([*reasons, *batch.left_out]))


def _outcome(execution: Execution) -> str:
    if execution.outcome == "cancelled":
        if isinstance(execution, Saving):
            return "Stopped. Save under the same name to go on."
        return "Stopped; nothing half-done was added."
    if execution.outcome != "done":
        return "Failed."
    batch = execution.batch
    count = len(batch.jobs)
    if isinstance(execution, Saving):
        names = [path.name for path in execution.targets.values()]
        saved = count - execution.failed
        news = f"Saved as {names[0]}." if count == 1 else f"Saved {saved} files."
    elif batch.pixels:
        news = f"Done in {format_duration(execution.seconds)}."
    else:
        news = "Added."
    if execution.failed:
        news += f" {execution.failed} of {count} failed."
    return news
