"""Turns the panel's settings into a training that can start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_vdsr.memory import free_memory
from napari_vdsr.plugin.model.choices import find_card
from napari_vdsr.plugin.model.estimate import Outlook
from napari_vdsr.plugin.model.settings import FieldError
from napari_vdsr.plugin.training.facts import Facts, facts_of
from napari_vdsr.plugin.training.images import Images, choose_images
from napari_vdsr.plugin.training.machine import Machine
from napari_vdsr.plugin.training.naming import check_name
from napari_vdsr.plugin.training.outlook import foresee
from napari_vdsr.plugin.training.settings import TrainingSettings

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_vdsr.training import TrainingConfig


@dataclass(frozen=True, eq=False)
class Plan:
    """A training that is to be done."""

    settings: TrainingSettings  # with the model's name
    config: "TrainingConfig"
    images: Images
    facts: Facts
    resume: bool = False  # from its checkpoint

    def outlook(self, machine: Machine) -> Outlook:
        """Say what the training will do on a machine, and whether memory is enough."""
        device = machine.resolved(self.settings.device)
        free = free_memory()
        return foresee(self.images, self.config, self.facts, device, free)


def plan_training(
    settings: TrainingSettings,
    layers: "Sequence[Layer]",
    machine: Machine,
    *,
    resume: bool = False,
) -> Plan:
    """Plan a training, or raise FieldError with the field and what to do.

    The settings must have a name; `resume` continues from the checkpoint of that name.
    """
    facts = Facts()
    if settings.start_from is not None:
        card = find_card(settings.model)
        if card is None:
            msg = f"There is no model '{settings.model}' any more: choose another."
            raise FieldError("model", msg)
        facts = facts_of(card)
    config = settings.config(facts.channels)
    if settings.start_from is None:
        facts = Facts(config.depth, channels=config.channels)
    images = choose_images(layers, settings, config)
    device = machine.resolved(settings.device)
    if not device:
        msg = f"This machine has no device '{settings.device}': choose another."
        raise FieldError("device", msg)
    if device == "cpu" and config.precision == "float16":
        msg = "A processor cannot train in float16: choose float32 or bfloat16."
        raise FieldError("precision", msg)
    if not resume:
        check_name(settings.name)
    return Plan(settings, config, images, facts, resume)
