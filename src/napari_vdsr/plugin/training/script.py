"""The same training as a Python script, for the clipboard."""

from typing import TYPE_CHECKING, Any

from napari_vdsr.plugin.training.settings import TrainingSettings

if TYPE_CHECKING:
    from napari_vdsr.plugin.training.planning import Images
    from napari_vdsr.training import TrainingConfig


def as_script(
    images: "Images", config: "TrainingConfig", settings: TrainingSettings
) -> str:
    """Write a program that does what Start would do, for napari's console.

    It also runs in a script with a viewer.
    """
    changes = _changes(config, settings)
    lines = [
        "import napari_vdsr",
        f"from napari_vdsr.training import {_names(changes)}",
    ]
    lines += ["from napari_vdsr.zoo import import_model", ""]
    if images.folder is None:
        names = [f"viewer.layers[{layer.name!r}]" for layer in images.layers]
        lines = ["import napari", *lines, "viewer = napari.current_viewer()"]
        lines += [f"images = {_listed(names)}"]
    else:
        lines += [f"images = {str(images.folder)!r}"]
    words = [f"{name}={value!r}" for name, value in changes.items()]
    lines += [f"config = {_call('recipe', [repr(settings.recipe), *words])}"]
    arguments = ["images", "config=config"]
    if settings.start_from is not None:
        arguments.append(f"start_from={settings.start_from!r}")
    if images.held is not None:
        arguments.append(f"validation={str(images.held)!r}")
    if settings.device != "auto":
        arguments.append(f"device={settings.device!r}")
    lines += [f"model = {_call('napari_vdsr.train', arguments)}"]
    lines += [f"import_model(model, {settings.name!r})"]
    return "\n".join(lines) + "\n"


def _changes(config: "TrainingConfig", settings: TrainingSettings) -> dict[str, Any]:
    """Keywords for `recipe` that give this configuration."""
    from dataclasses import fields

    from napari_vdsr.training import recipe

    made = settings.changes
    plain = recipe(settings.recipe, **made)
    for item in fields(config):
        value = getattr(config, item.name)
        if value != getattr(plain, item.name):
            made[item.name] = value
    return made


def _names(changes: dict[str, Any]) -> str:
    """What a script has to import for these changes of a recipe."""
    kinds = {type(value).__name__ for value in changes.values()}
    return ", ".join([*sorted(kinds & {"BlindNoise", "Spot"}), "recipe"])


def _listed(words: list[str]) -> str:
    return _call("", words, "[]")


def _call(name: str, words: list[str], brackets: str = "()") -> str:
    text = ", ".join(words)
    if len(text) > 60:
        text = "\n    " + ",\n    ".join(words) + ",\n"
    return f"{name}{brackets[0]}{text}{brackets[1]}"
