"""The weights that others published, as they published them.

Only factor 3 is scored here, to be quick; the authors' weights are scored with
the protocol, in tests/evaluation. All of the table:

    napari-vdsr evaluate ../shared/data/images/Set5 --model vdsr20 \
        --model vdsr20-kim2016 --model vdsr20-twtygqyy
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vdsr import evaluate
from napari_vdsr.network import SRCNN, VDSR, network_from_state
from napari_vdsr.zoo import Model, load_model
from napari_vdsr.zoo.checkpoints import renamed
from napari_vdsr.zoo.registry import registered

pytestmark = pytest.mark.needs_shared


@pytest.fixture
def filled(
    shared: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Offer the published files in a folder that stands for their addresses."""
    mirror = folders / "mirror"
    mirror.mkdir()
    published = {
        "VDSR_Official.mat": "VDSR_Official.mat",
        "model_epoch_50.pth": "twtygqyy_model_epoch_50.pth",
    }
    for name, kept in published.items():
        (mirror / name).symlink_to(shared / "weights" / "third_party" / kept)
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", str(mirror))
    return {card.name: card.sha256 for card in registered()}


def test_the_published_files_are_converted_as_they_arrive(
    filled: dict[str, str],
) -> None:
    authors, other = load_model("vdsr20-kim2016"), load_model("vdsr20-twtygqyy")
    assert authors.sha256 == filled["vdsr20-kim2016"]
    assert other.sha256 == filled["vdsr20-twtygqyy"]
    assert authors.network.parameter_count == 665_921
    assert other.network.parameter_count == 664_704
    assert "Kim" in authors.metadata["description"]
    for model in (authors, other):
        assert isinstance(model.network, VDSR)
        assert not model.equivariant


def srcnn(shared: Path) -> Model:
    path = shared / "weights" / "third_party" / "srcnn_jinsuyoo_x3_915.npz"
    with np.load(path) as file:
        state = renamed({name: torch.tensor(value) for name, value in file.items()})
    network = network_from_state(state)
    assert isinstance(network, SRCNN)
    return Model(network, "srcnn")


def test_published_weights_score_what_was_published(
    filled: dict[str, str], shared: Path
) -> None:
    scores = evaluate(
        shared / "data" / "images" / "Set5",
        model=["vdsr20-twtygqyy", srcnn(shared)],
        factors=3,
        device="cpu",
    )
    (card,) = (card for card in registered() if card.name == "vdsr20-twtygqyy")
    (listed,) = (score for score in card.scores if score.factor == 3)
    mean = scores.mean(3, "vdsr20-twtygqyy")
    assert mean.psnr == pytest.approx(33.75, abs=0.01)
    assert (listed.psnr, listed.ssim) == pytest.approx((mean.psnr, mean.ssim), abs=0.01)
    assert scores.mean(3, "srcnn").psnr == pytest.approx(32.41, abs=0.01)
