"""What the attributes of an OME-Zarr group say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from napari_vdsr.errors import FileError
from napari_vdsr.files.multiscale import FREE_LETTERS, Axis, Multiscale

_KNOWN = ("0.4", "0.5")


class NgffImage(NamedTuple):
    """The finest level of an image and where it lies.

    Attributes
    ----------
    path : str
        Of its array within the group.
    multiscale : Multiscale
        Of that level.
    """

    path: str
    multiscale: Multiscale


def parse_image(name: str, attributes: Mapping[str, Any]) -> NgffImage | None:
    """Read the attributes of a group.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    attributes : mapping
        Of the group, OME-Zarr 0.4 or 0.5.

    Returns
    -------
    NgffImage or None
        None where the group is no image.

    Raises
    ------
    FileError
        When the attributes are of another version or contradict themselves.
    """
    ome = attributes.get("ome", attributes)
    if not isinstance(ome, Mapping) or "multiscales" not in ome:
        return None
    try:
        entry = ome["multiscales"][0]
        version = str(ome.get("version", entry.get("version", "0.4")))
        if version not in _KNOWN:
            raise FileError(
                f"{name} is OME-Zarr {version}, but {' and '.join(_KNOWN)} are read: "
                "name an array within it and its axes, such as "
                f"{name}/0 with axes TCZYX"
            )
        axes = tuple(
            Axis(str(axis["name"]), axis.get("type"), axis.get("unit"))
            for axis in entry["axes"]
        )
        finest = entry["datasets"][0]
        scale, translation = _placed(
            len(axes),
            finest.get("coordinateTransformations", []),
            entry.get("coordinateTransformations", []),
        )
        return NgffImage(
            str(finest["path"]),
            Multiscale(
                axes, scale, translation, str(entry.get("name", "")), ome.get("omero")
            ),
        )
    except FileError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FileError(
            f"{name} has no valid OME-Zarr metadata ({type(error).__name__}: {error})"
        ) from error


def _placed(
    ndim: int, *steps: Sequence[Mapping[str, Any]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and translation that transformations amount to, one after the other."""
    scale, translation = [1.0] * ndim, [0.0] * ndim
    for step in (step for each in steps for step in each):
        kind = step["type"]
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in step:
            raise ValueError(
                f"transformation {dict(step)} is neither a scale nor a translation"
            )
        values = [float(value) for value in step[kind]]
        if len(values) != ndim:
            raise ValueError(f"{kind} has {len(values)} numbers for {ndim} axes")
        if kind == "scale":
            scale = [a * b for a, b in zip(scale, values, strict=True)]
            translation = [a * b for a, b in zip(translation, values, strict=True)]
        else:
            translation = [a + b for a, b in zip(translation, values, strict=True)]
    return tuple(scale), tuple(translation)


def axis_letters(axes: Sequence[Axis]) -> str:
    """Give each axis a letter: T, C, Z, Y, X, or one that stands for nothing.

    Parameters
    ----------
    axes : sequence of Axis
        As OME-Zarr names them.

    Returns
    -------
    str
        A different letter for each. Y and X are the axes of these names, or else
        the last two in space.

    Examples
    --------
    >>> axis_letters([Axis("c", "channel"), Axis("y", "space"), Axis("x", "space")])
    'CYX'
    """
    names = [axis.name.upper() for axis in axes]
    if not {"Y", "X"} <= set(names):
        space = [i for i, axis in enumerate(axes) if axis.type == "space"]
        for place, letter in zip(space[-2:], "YX", strict=len(space) > 1):
            names[place] = letter
    return "".join(_lettered(names, axes))


def _lettered(names: Sequence[str], axes: Sequence[Axis]) -> Iterator[str]:
    typed = {"time": "T", "channel": "C"}
    free = (letter for letter in FREE_LETTERS if letter not in names)
    used: set[str] = set()
    for name, axis in zip(names, axes, strict=True):
        letter = name if name in tuple("TCZYX") else typed.get(axis.type or "", "")
        if not letter or letter in used or (letter != name and letter in names):
            letter = next(free)
        used.add(letter)
        yield letter
