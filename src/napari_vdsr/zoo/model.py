"""A network with its name and what is known about it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vdsr.zoo.formats import write_native
from napari_vdsr.zoo.registry import expanded, factors_in

if TYPE_CHECKING:
    from napari_vdsr.imaging.resample import Kernel, Sampling
    from napari_vdsr.network import ConvStack

_NEAR = 0.5


@dataclass(frozen=True, eq=False)
class Model:
    """A network that is ready for inference.

    Attributes
    ----------
    network : ConvStack
        On the CPU, in float32.
    name : str
        The word by which it is asked for.
    title : str
        The words shown to people.
    sha256 : str
        Of the file that it was read from; empty when it comes from no file.
    metadata : mapping of str to str
        What its file says about it: architecture, training, licence and so on.
    """

    network: "ConvStack"
    name: str
    title: str = ""
    sha256: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def equivariant(self) -> bool:
        """Whether results follow any affine change of the intensities."""
        return self.network.equivariant

    @property
    def kernel(self) -> "Kernel":
        """How images are enlarged before the network sees them, as in its training."""
        return "bilinear" if self.metadata.get("kernel") == "bilinear" else "bicubic"

    @property
    def sampling(self) -> "Sampling":
        """How the images were taken that it is made for."""
        from napari_vdsr.imaging.resample import SAMPLINGS

        told = self.metadata.get("sampling")
        return next((known for known in SAMPLINGS if known == told), "reduced")

    @property
    def only_factors(self) -> tuple[float, ...]:
        """The factors that it is made for where others make images worse: SRCNN's.

        Empty for models that serve any factor.
        """
        from napari_vdsr.network import SRCNN

        if not isinstance(self.network, SRCNN):
            return ()
        return factors_in(self.metadata.get("factors", ""))

    def serves(self, factors: Iterable[float]) -> bool:
        """Whether it is made for an enlargement.

        Parameters
        ----------
        factors : iterable of float
            Of Y and X.

        Returns
        -------
        bool
        """
        wanted = max(factors)  # of whole pixels, so that it is near what was asked for
        return not self.only_factors or any(
            abs(factor - wanted) < _NEAR for factor in self.only_factors
        )

    @property
    def halo(self) -> int:
        """Pixels around a region that its result depends on."""
        return self.network.halo

    @property
    def fingerprint(self) -> str:
        """Equal for models that compute the same, changed in memory or not."""
        digest = hashlib.sha256(f"{self.network!r} {self.kernel}".encode())
        for values in self.network.state_dict().values():
            digest.update(values.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the model as safetensors; an existing file is replaced.

        Parameters
        ----------
        path : str or Path
            The file to write, by custom ``.safetensors``.

        Raises
        ------
        FileError
            When the file cannot be written.
        """
        state = self.network.state_dict()
        write_native(expanded(path), state, self.described(), overwrite=True)

    def described(self) -> dict[str, str]:
        """The metadata, completed by what the network itself says."""
        network = self.network
        first, *_, last = network.layers
        return {
            **self.metadata,
            "architecture": type(network).__name__.lower(),
            "depth": str(network.depth),
            "features": str(first.out_channels),
            "channels": str(first.in_channels),
            "channels_out": str(last.out_channels),
            "bias": "true" if first.bias is not None else "false",
            "equivariant": "true" if network.equivariant else "false",
        }
