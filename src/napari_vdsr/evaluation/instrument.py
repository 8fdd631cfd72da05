"""The kind of instrument that made an image, as far as its file tells."""

import re
from typing import Literal

Instrument = Literal["scanner", "camera"]

# https://www.openmicroscopy.org/Schemas/Documentation/Generated/OME-2016-06/ome_xsd.html
_SCANNERS = {
    "LaserScanningConfocalMicroscopy",
    "MultiPhotonMicroscopy",
    "SecondHarmonicGenerationImaging",
    "FluorescenceLifetime",
    "STED",
    "LCM",
}
_CAMERAS = {
    "WideField",
    "SpinningDiskConfocal",
    "TotalInternalReflection",
    "TIRF",
    "SPIM",
    "BrightField",
}
_MODE = re.compile(r"AcquisitionMode\s*=\s*[\"'](\w+)[\"']")


def instrument_of(ome: str | None) -> Instrument | None:
    """Read the instrument off the OME-XML of a file; None when it does not tell.

    >>> instrument_of('<Channel ID="Channel:0" AcquisitionMode="WideField"/>')
    'camera'
    """
    modes = set(_MODE.findall(ome or ""))
    if modes and modes <= _SCANNERS:
        return "scanner"
    return "camera" if modes and modes <= _CAMERAS else None
