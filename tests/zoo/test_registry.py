import hashlib
import json
import re
from pathlib import Path

import pytest

import napari_vdsr
from napari_vdsr.zoo import (
    DEFAULT_MODEL,
    cache_folder,
    load_model,
    models,
    registry,
    user_folder,
)

WEIGHTS = Path(__file__).parents[2] / "weights"


def test_the_default_comes_first_and_is_here() -> None:
    card = models()[0]
    assert (card.name, card.here, card.origin) == (DEFAULT_MODEL, True, "built-in")
    assert card.urls == (
        "https://github.com/napari-vdsr/napari-vdsr/raw/"
        f"v{napari_vdsr.__version__}/weights/{DEFAULT_MODEL}-1.safetensors",
    )


def test_cards_tell_what_models_are_for() -> None:
    cards = {card.name: card for card in models()}
    assert "For: confocals and other scanners" in cards["vdsr20-scanner"].text
    assert "For: cameras on microscopes" in cards["vdsr20-camera"].text
    assert "For: clean images that software made smaller" in cards["vdsr20"].text
    assert "Set5 x2 37.64 dB / 0.9594" in cards["vdsr20"].text


@pytest.mark.parametrize("name", ["vdsr20", "vdsr20-scanner", "vdsr20-camera"])
def test_models_know_how_their_images_are_sampled(name: str) -> None:
    model = load_model(name)
    assert model.equivariant
    expected = {"vdsr20": "reduced"}.get(name, name.removeprefix("vdsr20-"))
    assert model.metadata["sampling"] == expected


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
    scores = {card["name"]: card["scores"] for card in plain}
    assert scores["vdsr20"][0] == {
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
