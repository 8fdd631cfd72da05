from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo import load_model
from napari_vdsr.zoo.formats import read_matlab
from napari_vdsr.zoo.registry import registered


def cells(items: list[NDArray[Any]]) -> NDArray[Any]:
    column = np.empty((len(items), 1), dtype=object)
    column[:, 0] = items
    return column


def saved(**variables: Any) -> bytes:
    file = BytesIO()
    scipy.io.savemat(file, variables)
    return file.getvalue()


rng = np.random.default_rng(0)
WEIGHTS = [rng.normal(size=shape) for shape in [(3, 3, 1, 4), (3, 3, 4, 4), (3, 3, 4)]]
BIASES = [rng.normal(size=(n, 1)) for n in (4, 4, 1)]
FILE = saved(other=[1, 2], model={"weight": cells(WEIGHTS), "bias": cells(BIASES)})


def test_weights_come_back_with_their_axes_in_our_order() -> None:
    state = read_matlab(FILE, known=True)
    assert state["conv0.weight"].shape == (4, 1, 3, 3)
    assert state["conv2.weight"].shape == (1, 4, 3, 3)
    assert state["conv1.weight"][3, 2, 0, 1] == WEIGHTS[1][0, 1, 2, 3]
    assert np.array_equal(state["conv0.bias"], BIASES[0].ravel())


@pytest.mark.parametrize("data", [FILE, b"MATLAB 7.3 MAT-file" + bytes(200)])
def test_a_file_that_is_not_listed_is_not_looked_into(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(scipy.io, "loadmat")
    path = tmp_path / "mine.mat"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"mine\.mat.*loadmat and save the layers"):
        load_model(path)


@pytest.mark.needs_shared
def test_the_authors_file_is_read_from_anywhere(shared: Path) -> None:
    path = shared / "weights" / "third_party" / "VDSR_Official.mat"
    (card,) = (card for card in registered() if card.name == "vdsr20-kim2016")
    model = load_model(path)
    assert model.sha256 == card.sha256
    assert model.network.parameter_count == 665_921
