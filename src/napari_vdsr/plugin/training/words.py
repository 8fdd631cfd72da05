"""How far a training is, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from napari_vdsr.plugin.model.estimate import format_bytes, format_duration

if TYPE_CHECKING:
    from napari_vdsr.plugin.training.session import Session
    from napari_vdsr.training import Report, Score


_SHOWN = 3  # remarks shown at most


def progress_words(report: "Report", device: str, memory: float) -> str:
    """Two lines: steps, time left, learning rate, device and its bytes in use."""
    left = format_duration(report.remaining)
    whose = "of napari" if device == "cpu" else "in use"
    return (
        f"Step {report.step} of {report.steps} · {left} left\n"
        f"rate {report.learning_rate:.2g} · {device}, {format_bytes(memory)} {whose}"
    )


def remark_words(remarks: Sequence[str]) -> str:
    """The last remarks, and how many came before; empty without any."""
    before = len(remarks) - _SHOWN
    lines = [f"{before} earlier remarks"] if before > 0 else []
    return "\n".join([*lines, *remarks[-_SHOWN:]])


def memory_in_use(device: str) -> float:
    """Bytes that a training takes: of the graphics card, or of this process."""
    kind = device.split(":")[0]
    if kind in ("cuda", "xpu", "mps"):
        import torch

        library = getattr(torch, kind)
        if kind == "mps":
            return float(library.current_allocated_memory())
        return float(library.memory_reserved(device))
    return float(psutil.Process().memory_info().rss)


def news_of(session: "Session") -> str:
    """The result of a training that has ended."""
    if session.outcome == "cancelled":
        return "Cancelled; nothing was kept."
    if session.outcome != "done":
        return "Failed."
    history = session.history
    scores = [] if history is None else history.scores
    gained = f": {_score_words(scores[-1])}" if scores else ""
    listed = f"'{session.model_name}' is in the list of models{gained}."
    if history is not None and history.gave_up:
        return (
            "Stopped early: the loss exploded. Choose a lower learning rate. "
            f"{listed} It has the last good weights."
        )
    return listed


def _score_words(score: "Score") -> str:
    """PSNR and gain of each factor."""
    figures = []
    for factor, psnr in score.psnr.items():
        gain = psnr - score.enlarged[factor]
        words = f"{factor.replace('x', '×')} {psnr:.2f} dB ({gain:+.2f})"
        figures.append(words.replace(" ", "\u00a0"))
    return ", ".join(figures)
