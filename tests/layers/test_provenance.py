"""What a layer says of how it was made, in this version's words and in older ones."""

import json
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_vdsr.layers import upscale_layer
from napari_vdsr.layers.result import METADATA_KEY, Provenance
from napari_vdsr.zoo import Model

IMAGE = np.random.default_rng(0).random((10, 12), np.float32)


def says(told: Any) -> Image:
    return Image(IMAGE, metadata={METADATA_KEY: told})


def test_what_is_written_is_read_again(tiny: Model) -> None:
    source = Image(IMAGE, name="cells", scale=(2, 3))
    result = upscale_layer(source, 2, model=tiny, device="cpu")
    written = json.loads(json.dumps(result.metadata[METADATA_KEY]))
    read = Provenance.read(says(written))
    assert read is not None
    assert read.written() == result.metadata[METADATA_KEY]
    assert (read.kind, read.factor) == ("result", (2.0, 2.0))
    assert read.region == ((0, 20), (0, 24))
    assert read.source["name"] == "cells"
    assert read.details["model"] == "tiny"
    assert not read.is_map
    assert read.was_at(Image(IMAGE, name="renamed", scale=(2, 3)))
    assert not read.was_at(Image(IMAGE, name="cells"))


def test_words_of_older_versions_are_read() -> None:
    told = {"kind": "error map", "made of": "cells"}
    read = Provenance.read(says(told))
    assert read is not None
    assert read.is_map
    assert read.source["name"] == "cells"
    told = {
        "model": "vdsr20",
        "factor": [2.0, 2.0],
        "region": [[0, 20], [0, 24]],
        "source": {"name": "cells", "shape": [10, 12], "scale": [1.0, 1.0]},
    }
    read = Provenance.read(says(told))
    assert read is not None
    assert read.factor == (2.0, 2.0)
    assert read.had_shape_of(Image(IMAGE))


@pytest.mark.parametrize(
    "told",
    [
        "junk",
        3,
        None,
        {"source": 3, "factor": "two", "region": [[1], "x"]},
        {"source": {"shape": "ab", "scale": ["a", "b"]}, "kind": 7},
        {"factor": [[1]], "region": 5},
    ],
)
def test_what_others_put_there_does_no_harm(told: Any) -> None:
    read = Provenance.read(says(told))
    assert (read is None) == (not isinstance(told, dict))
    if read is not None:
        assert read.factor is None
        assert read.region is None
        assert not read.was_at(Image(IMAGE))
        json.dumps(read.written())


def test_a_layer_without_words_was_not_made_here() -> None:
    assert Provenance.read(Image(IMAGE)) is None
