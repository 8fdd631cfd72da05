import json
from pathlib import Path

import pytest
import torch

from napari_vdsr.cli import main
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import DEFAULT_MODEL


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_VDSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("NAPARI_VDSR_WEIGHTS_URL", raising=False)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "net.pth"
    network = VDSR(depth=3, features=4)
    torch.nn.init.zeros_([*network.layers][-1].weight)  # images stay as they are
    torch.save(network.state_dict(), path)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["models", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_models_are_listed_for_people_and_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = printed(capsys, "list")
    assert "VDSR, 20 layers (here)" in listed
    assert "VDSR, 20 layers, of its authors (needs 2.5 MB)" in listed
    cards = json.loads(printed(capsys, "list", "--json"))["models"]
    assert cards[0]["name"] == DEFAULT_MODEL
    here = {card["name"] for card in cards if card["here"]}
    assert here == {
        "vdsr20",
        "vdsr20-scanner",
        "vdsr20-camera",
        "vdsr5",
        "srcnn-915-x3",
    }


def test_what_is_here_is_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(capsys, "fetch", "vdsr20", "--json"))
    assert Path(told["path"]).name == "vdsr20-1.safetensors"
    assert printed(capsys, "fetch", "vdsr20").strip() == told["path"]


def test_what_cannot_be_fetched_ends_with_status_1(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):  # nobody listens there
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("napari_vdsr.zoo.weight_files._RETRIES", 0)
    assert main(["models", "fetch", "vdsr20-kim2016", "--json"]) == 1
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["type"] == "FetchError"
    assert "VDSR_Official.mat" in captured.err
    assert "the proxy cannot be used" in captured.err


def test_a_file_is_imported_renamed_exported_and_removed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = printed(capsys, "import", checkpoint, "--name", "mine").strip()
    assert Path(path) == tmp_path / "models" / "mine.safetensors"
    card = json.loads(printed(capsys, "rename", "mine", "yours", "--json"))
    assert card["name"] == "yours"
    assert "yours (here, your own)" in printed(capsys, "list")
    out = tmp_path / "out.safetensors"
    told = json.loads(printed(capsys, "export", "yours", out, "--json"))
    assert Path(told["path"]) == out and out.is_file()
    moved = json.loads(printed(capsys, "remove", "yours", "--json"))["path"]
    assert Path(moved).parent.name == "removed"
    assert "yours" not in printed(capsys, "list")


def test_an_import_that_loses_to_bicubic_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    torch.save(VDSR(depth=3, features=4).state_dict(), tmp_path / "random.pth")
    assert main(["models", "import", str(tmp_path / "random.pth")]) == 0
    assert "random is worse than bicubic" in capsys.readouterr().err


def test_the_same_is_told_in_the_other_form(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = json.loads(printed(capsys, "import", checkpoint, "--json"))
    assert (card["name"], card["origin"]) == ("net", "user")
    renamed = printed(capsys, "rename", "net", "other").strip()
    assert renamed.endswith("other.safetensors")
    out = tmp_path / "out.safetensors"
    assert printed(capsys, "export", "other", out).strip() == str(out)
    assert "removed" in printed(capsys, "remove", "other")


def test_an_existing_file_is_not_exported_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"mine")
    assert main(["models", "export", "vdsr20", str(out)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    printed(capsys, "export", "vdsr20", out, "--overwrite")
    assert out.stat().st_size > 2_000_000


def test_a_bad_name_ends_with_status_2(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "import", str(checkpoint), "--name", "a/b"]) == 2
    assert "letters, digits" in capsys.readouterr().err


def test_the_folders_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert str(tmp_path / "cache") in printed(capsys, "path")
    told = json.loads(printed(capsys, "path", "--json"))
    assert told == {
        "cache": str(tmp_path / "cache"),
        "models": str(tmp_path / "models"),
    }
