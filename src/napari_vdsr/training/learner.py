"""A network in training: its weights, the optimiser, and their state."""

import math
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from napari_vdsr.errors import InputError, VdsrWarning
from napari_vdsr.inference.device import is_out_of_memory
from napari_vdsr.inference.engine import computes_bfloat16, parse_precision
from napari_vdsr.inference.torch_engine import fault
from napari_vdsr.network import SRCNN, VDSR, ConvStack, network_from_state
from napari_vdsr.training.config import TrainingConfig
from napari_vdsr.training.optimise import (
    average,
    clip,
    learning_rate,
    loss_of,
    make_optimiser,
)
from napari_vdsr.zoo.model import Model


class Learner:
    """The part of a training that lives on the device.

    The network is changed in place. Weights and the optimiser's state are float32;
    hidden layers compute in `precision`. The first layer always computes in float32:
    only then do its filters sum to zero.
    """

    def __init__(
        self,
        network: ConvStack,
        config: TrainingConfig,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self._config, self._device, self._precision = config, device, precision
        keep_equivariant(network.requires_grad_(True).train())
        # Channels last: convolutions run faster on GPUs and CPUs alike.
        self._network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = make_optimiser(self._network, config)
        self._in_float16 = precision is torch.float16
        self._scaler = torch.amp.GradScaler(
            device.type,
            init_scale=2.0**16 if self._in_float16 else 1.0,
            enabled=self._in_float16 or skips_by_itself(device),
        )
        self._means = [
            parameter.detach().clone() for parameter in self._network.parameters()
        ]
        self._compiles = config.compiled

    def _run(self, x: Tensor) -> Tensor:
        if not self._compiles:
            return self._restored(x)
        try:
            return self._compiled(x)
        except RuntimeError as error:  # torch may have no compiler here
            if is_out_of_memory(error):
                raise
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            msg = f"torch cannot compile here ({reason}): training without it, slower"
            warnings.warn(msg, VdsrWarning, stacklevel=2)
            self._compiles = False
            return self._restored(x)

    @cached_property
    def _compiled(self) -> Callable[[Tensor], Tensor]:
        return torch.compile(self._restored)

    def _restored(self, x: Tensor) -> Tensor:
        first, *rest = self._network.layers
        y = first(x).contiguous(memory_format=torch.channels_last)
        mixed = self._precision is not torch.float32
        # Its cache would outlive the step where the caller uses autocast, too.
        with torch.autocast(
            self._device.type, self._precision, enabled=mixed, cache_enabled=False
        ):
            for layer in rest:
                y = layer(torch.relu(y))
        restored: Tensor = x + self._network.residual_from(y.float(), x)
        return restored

    def learn(
        self, x: Tensor, truth: Tensor, step: int, slowed: float, limit: float
    ) -> Tensor:
        """Do one step, unless the loss is above `limit` or gradients are not finite.

        Patches are float32, of shape (N, C, H, W). The learning rate of `step` is
        multiplied by `slowed`. Returns the loss, still on the device.
        """
        rate = learning_rate(self._config, step) * slowed
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        loss = loss_of(self._run(x), truth, x, self._config)
        if self._scaler.is_enabled():
            self._step_scaled(loss, rate, loss < limit)
        else:
            torch.autograd.backward(loss)
            norm = clip(self._network, self._config, rate)
            if bool(torch.isfinite(norm) & (loss < limit)):
                self._optimiser.step()
        if self._config.ema:
            average(self._means, self._network, self._config, step)
        return loss.detach()

    def _step_scaled(self, loss: Tensor, rate: float, sound: Tensor) -> None:
        """Do a step without waiting for the device.

        The scaler skips it when gradients are not finite. In float16 it also scales
        the loss, so that small gradients do not vanish.
        """
        scaler, one = self._scaler, torch.ones_like(loss)
        before = scaler.scale(one)
        torch.autograd.backward(scaler.scale(loss * torch.where(sound, 1.0, math.nan)))
        scaler.unscale_(self._optimiser)
        clip(self._network, self._config, rate)
        scaler.step(self._optimiser)
        scaler.update()
        # Adapt the scale when gradients overflow, but not when the loss is too large.
        adapts = sound if self._in_float16 else torch.zeros_like(sound)
        scaler.update(torch.where(adapts, scaler.scale(one), before))

    def losses(self, x: Tensor, truth: Tensor) -> tuple[float, float]:
        """Loss of the network as it is, and of returning `x` unchanged."""
        with torch.no_grad():
            mine = loss_of(self._restored(x), truth, x, self._config)
            nothing = loss_of(x, truth, x, self._config)
        return mine.item(), nothing.item()

    def network(self) -> ConvStack:
        """Return the network as it would be released now: plain, on the CPU."""
        state = dict(self._network.state_dict())
        if self._config.ema:
            names = [name for name, _ in self._network.named_parameters()]
            state.update(zip(names, self._means, strict=True))
        return plain_network(state)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next step depends on: tensors and plain values.

        Tensors are copies on the CPU.
        """
        tensors = {
            f"network.{name}": value
            for name, value in self._network.state_dict().items()
        }
        tensors |= {f"mean.{index}": mean for index, mean in enumerate(self._means)}
        tensors |= _state_of(self._optimiser)
        kept = {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in tensors.items()
        }
        return kept, {"scaler": self._scaler.state_dict()}

    def check_state(
        self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
    ) -> None:
        """Raise ValueError, or what missing names raise, for what `state` never gave.

        Fused optimisers read and write beyond tensors that are too small.
        """
        trial = deepcopy(self._network)
        optimiser = make_optimiser(trial, self._config)
        for group in optimiser.param_groups:
            group["lr"] = 0.0
        for parameter in trial.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimiser.step()
        mine, _ = self.state()
        mine = {name: mine[name] for name in mine if not name.startswith("optimiser.")}
        stepped = mine | _state_of(optimiser)
        theirs = {name: value for name, value in tensors.items() if name != "generator"}
        if theirs.keys() not in (mine.keys(), stepped.keys()):
            names = sorted(theirs.keys() ^ stepped.keys())
            raise ValueError(f"tensors are missing or unknown: {', '.join(names[:4])}")
        for name, value in theirs.items():
            if (value.shape, value.dtype) != (stepped[name].shape, stepped[name].dtype):
                raise ValueError(f"{name} is {value.dtype} {tuple(value.shape)}")
            # Squares, and counts of steps.
            never_negative = name.endswith(("_sq", ".step"))
            low = 0.0 if never_negative else -math.inf
            if not (torch.isfinite(value).all() and (value >= low).all()):
                raise ValueError(f"{name} has impossible numbers")
        if self._scaler.is_enabled() and not 0 < values["scaler"]["scale"] < math.inf:
            raise ValueError("the scale of the loss is impossible")

    def set_state(
        self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
    ) -> None:
        """Return to what `state` gave; `values` may hold more."""
        self._network.load_state_dict(
            {
                name.removeprefix("network."): value
                for name, value in tensors.items()
                if name.startswith("network.")
            }
        )
        for index, mean in enumerate(self._means):
            mean.copy_(tensors[f"mean.{index}"])
        known = self._optimiser.state_dict()
        parameters = list(self._network.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".", 2)
                parameter = parameters[int(number)]
                if value.shape == parameter.shape:
                    # Fused optimisers want the same layout in memory as the weights.
                    value = torch.empty_like(parameter).copy_(value)
                state.setdefault(int(number), {})[key] = value.detach().clone()
        self._optimiser.load_state_dict({**known, "state": state})
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(values["scaler"])


def skips_by_itself(device: torch.device) -> bool:
    """Whether a device skips bad steps without the host, which would wait for it."""
    return device.type == "cuda"


def _state_of(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser, named by parameter and purpose."""
    return {
        f"optimiser.{index}.{key}": value
        for index, entry in optimiser.state_dict()["state"].items()
        for key, value in entry.items()
        if value is not None
    }


def hidden_precision(
    config: TrainingConfig, network: ConvStack, device: torch.device
) -> torch.dtype:
    """Choose the precision of the hidden layers of a network while it is trained.

    Raises `InputError` when the device cannot, or is too slow in it to be of use.
    """
    on_cpu, on_cuda = device.type == "cpu", device.type == "cuda"
    if config.precision != "auto":
        precision = parse_precision(config.precision, device.type)
        if precision is torch.bfloat16 and on_cpu and not computes_bfloat16():
            raise InputError(
                "this processor does not compute in bfloat16: choose float32 or auto"
            )
        if precision is torch.float16 and (reason := _cannot_scale(device)):
            raise InputError(
                f"torch cannot train in float16 on {device} ({reason}): choose "
                "bfloat16, float32 or auto"
            )
        return precision
    # SRCNN predicts the image itself, of which half precision keeps too few digits.
    if not isinstance(network, VDSR):
        return torch.float32
    if on_cpu:
        return torch.bfloat16 if computes_bfloat16() else torch.float32
    # Some GPUs give NaN in float16.
    works = on_cuda and fault(device, torch.float16) is None
    return torch.float16 if works else torch.float32


def _cannot_scale(device: torch.device) -> str | None:
    """Why a device cannot undo the scale of a loss; torch does it in float64."""
    weight = nn.Parameter(torch.ones(1, device=device))
    optimiser, scaler = torch.optim.SGD([weight]), torch.amp.GradScaler(device.type)
    try:
        torch.autograd.backward(scaler.scale(weight.sum()))
        scaler.unscale_(optimiser)
    except (RuntimeError, TypeError) as error:
        if is_out_of_memory(error):
            raise
        return str(error).partition("\n")[0]
    return None


class _ZeroMean(nn.Module):
    """Subtracts its mean from every filter."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight - weight.mean(dim=(2, 3), keepdim=True)


def empty_network(config: TrainingConfig) -> ConvStack:
    """Make the network of a configuration; the seed decides its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if config.variant == "srcnn-915":
            return SRCNN((9, 1, 5))
        if config.variant == "srcnn-955":
            return SRCNN((9, 5, 5))
        if config.variant == "equivariant":
            return VDSR(config.depth)
        return VDSR(
            config.depth, channels=config.channels, bias=True, first_padding="zeros"
        )


def first_network(config: TrainingConfig, start_from: Model | None) -> ConvStack:
    """Return the network before the first step, perhaps a copy of a model's.

    Raises `InputError` when the model's channels are not those of the configuration.
    """
    if start_from is None:
        return empty_network(config)
    network = deepcopy(start_from.network)
    if network.channels != config.channels:
        takes = {1: "luminance", 3: "colours"}
        raise InputError(
            f"{start_from.name} takes {takes[network.channels]}, but variant "
            f"{config.variant!r} takes {takes[config.channels]}: choose the variant "
            "that fits the model"
        )
    return network


def keep_equivariant(network: ConvStack) -> None:
    """Keep an equivariant network equivariant while it is trained.

    Changed in place: the filters of its first layer sum to zero, whatever the optimiser
    does. Networks with biases are left unchanged.
    """
    if network.equivariant:
        parametrize.register_parametrization(
            next(network.layers), "weight", _ZeroMean(), unsafe=True
        )


def plain_network(state: Mapping[str, Tensor]) -> ConvStack:
    """Make an ordinary float32 network on the CPU from trained values.

    `state` may be that of a network changed by `keep_equivariant`.
    """
    plain = {}
    for name, value in state.items():
        layer, *_, kind = name.split(".")
        tensor = value.detach().cpu()
        if kind == "original":
            exact = tensor.double()
            tensor = (exact - exact.mean(dim=(2, 3), keepdim=True)).float()
            kind = "weight"
        plain[f"{layer}.{kind}"] = tensor
    return network_from_state(plain)
