import hashlib
import json
import re
from pathlib import Path

import pytest

from napari_vdsr.zoo import cache_folder, models, registry, user_folder

WEIGHTS = Path(__file__).parents[2] / "weights"


def test_the_default_comes_first_and_is_here() -> None:
    card = models()[0]
    assert (card.name, card.here, card.origin) == ("vdsr20", True, "built-in")
    assert "Set5 x2 37.64 dB / 0.9594" in card.text
    assert card.urls == (
        "https://github.com/napari-vdsr/napari-vdsr/raw/v0.1.0/weights/"
        "vdsr20-1.safetensors",
    )


def test_every_card_is_complete() -> None:
    for card in registry.registered():
        assert card.title and card.description and card.licence and card.source
        assert re.fullmatch("[0-9a-f]{64}", card.sha256)
        assert card.size > 0 and card.urls and card.factors


def test_released_files_are_those_of_the_list() -> None:
    if not WEIGHTS.is_dir():
        pytest.skip("the released weights are in the repository only")
    for path in WEIGHTS.glob("*.safetensors"):
        card = next(
            card for card in registry.registered() if card.path.name == path.name
        )
        data = path.read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (card.size, card.sha256)


def test_a_mirror_comes_before_the_listed_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_WEIGHTS_URL", "https://mirror.example/vdsr")
    for card in registry.registered():
        assert card.urls[0] == f"https://mirror.example/vdsr/{card.path.name}"
        assert len(card.urls) == 2


def test_cards_are_plain_values_for_json() -> None:
    plain = json.loads(json.dumps([card.to_dict() for card in models()]))
    assert plain[0]["scores"][0] == {
        "dataset": "Set5",
        "factor": 2,
        "psnr": 37.64,
        "ssim": 0.9594,
    }


def test_folders_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "b"))
    assert (cache_folder(), user_folder()) == (tmp_path / "a", tmp_path / "b")


def test_folders_are_by_default_those_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NAPARI_VDSR_CACHE", raising=False)
    monkeypatch.delenv("NAPARI_VDSR_MODELS", raising=False)
    assert "napari-vdsr" in str(cache_folder())
    assert user_folder().parent.name == "napari-vdsr"
