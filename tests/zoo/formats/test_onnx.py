from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vdsr.errors import FileError, InputError
from napari_vdsr.network import SRCNN, VDSR, ConvStack
from napari_vdsr.zoo import Model, export_model, load_model

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not there")
pytest.importorskip("onnx", reason="the extra onnx is not there")

NETWORKS = {
    "default": lambda: load_model("vdsr20").network,
    "paper": lambda: VDSR(depth=4, features=8, bias=True, first_padding="zeros"),
    "course": lambda: VDSR(
        depth=3, features=8, channels=3, bias=True, first_padding="zeros"
    ),
    "SRCNN": lambda: SRCNN((9, 1, 5)),
    "SRCNN 9-5-5": lambda: SRCNN((9, 5, 5), features=(8, 4)),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_onnxruntime_gives_what_torch_gives_at_any_size(
    kind: str, tmp_path: Path
) -> None:
    network: ConvStack = NETWORKS[kind]().eval().requires_grad_(False)
    path = export_model(Model(network, "model"), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for shape in [(1, 1, 1), (1, 17, 23), (2, 40, 8), (1, 64, 64)]:
        size = (shape[0], network.channels, *shape[1:])
        image = rng.random(size, dtype=np.float32)
        (restored,) = session.run(None, {"enlarged": image})
        assert restored.shape == image.shape
        expected = network(torch.tensor(image)).numpy()
        assert np.abs(restored - expected).max() < 1e-5
    assert np.abs(restored - image).max() > 1e-4


def test_the_file_says_where_the_weights_come_from(tmp_path: Path) -> None:
    path = export_model("vdsr20", tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert told["licence"] == "BSD-3-Clause"
    assert told["depth"] == "20"


def test_an_existing_file_is_kept_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"mine")
    with pytest.raises(FileError, match="exists already"):
        export_model("vdsr20", path)
    assert path.read_bytes() == b"mine"
    export_model("vdsr20", path, overwrite=True)
    assert path.stat().st_size > 2_000_000


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.safetensors or \.onnx"):
        export_model("vdsr20", tmp_path / "model.pth")
