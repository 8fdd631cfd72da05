"""What a run will make and how long it may take, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_vdsr.plugin.model.jobs import Batch, Job

Key = tuple[str, str, str, bool]  # model, device, precision, ensemble


@dataclass(frozen=True)
class Outlook:
    """The line that stands above Run."""

    text: str  # what will be made, or what is wrong
    level: str = "info"  # or "warning", "error" or "waiting"
    field: str = ""  # the field that is wrong, if any
    details: str = ""  # for the tooltip

    def below(self, news: "Outlook") -> "Outlook":
        """Put the news of the last run above this outlook, without repeated lines."""
        return replace(
            self,
            text=_joined(news.text, self.text),
            details=_joined(news.details, self.details),
        )


class Speeds:
    """Seconds that runs take.

    Each has a start, which costs the same for all sizes, and a pace in seconds a pixel.
    """

    def __init__(self) -> None:
        self._known: dict[Key, tuple[float, float, float]] = {}  # pixels, pace, start

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def learn(self, key: Key, pixels: float, seconds: float) -> None:
        """Take a measurement in; `seconds` is without loading or waiting."""
        if pixels <= 0 or seconds <= 0:
            return
        most, pace, start = self._known.get(key, (0.0, 0.0, 0.0))
        if pixels < most / 2:  # too small to tell the pace: a tiny preview, say
            start = max(0.0, seconds - pace * pixels)
        else:
            most, pace = pixels, max(seconds - start, seconds / 2) / pixels
            start = seconds - pace * pixels
        self._known[key] = most, pace, start

    def seconds(self, key: Key, pixels: float) -> float | None:
        """Expected seconds for a number of pixels; None when nothing was measured."""
        if key not in self._known:
            return None
        _, pace, start = self._known[key]
        return start + pace * pixels


def _joined(*texts: str) -> str:
    """The lines of all texts, each once."""
    return "\n".join(dict.fromkeys("\n".join(texts).strip().splitlines()))


def look_ahead(
    batch: Batch,
    seconds: float | None,
    available: float,
    extras: bool = False,
) -> Outlook:
    """Say what a run will make; a warning if it does not fit or layers are left out.

    `seconds` is the expected duration, `available` the free memory in bytes; `extras`
    says whether layers beside the result are asked for.
    """
    jobs = batch.jobs
    eager = [job for job in jobs if not job.lazy]
    size = sum(job.plan.nbytes for job in eager)
    parts = [describe_jobs(jobs)]
    if eager:
        parts.append(format_bytes(size))
    if eager and seconds is not None:
        about = "about " if seconds >= 0.5 else ""
        parts.append(f"{about}{format_duration(seconds)}")
    lazy = len(jobs) - len(eager)
    if lazy:
        which = f"{lazy} of them " if eager else ""
        parts.append(f"{which}computed as you look, tile by tile")
    text = " · ".join(parts)
    if lazy and extras:
        text += ". Layers beside it are for parts only."
    if size > available:
        text += f". Only {format_bytes(available)} of memory are free."
    level = "warning" if size > available or batch.left_out else "info"
    lines = [text, *batch.left_out_in_short]
    return Outlook("\n".join(lines), level, details="\n".join(batch.left_out))


def describe_jobs(jobs: Sequence[Job]) -> str:
    """Shape and dtype of the result, or how many results there are."""
    if len(jobs) > 1:
        return f"{len(jobs)} results"
    plan = jobs[0].plan
    return f"{' × '.join(map(str, plan.shape))} {plan.dtype}"


def format_bytes(size: float) -> str:
    """A number of bytes for people: 8_400_000 is "8.4 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return (
        f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
    )


def format_duration(seconds: float) -> str:
    """A duration for people: 90 is "1 min 30 s"."""
    whole = round(seconds)
    if whole < 1:
        return "1 s" if seconds >= 0.5 else "under 1 s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
