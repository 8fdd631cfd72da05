from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_vdsr.errors import FileError, InputError, ModelError, VdsrWarning
from napari_vdsr.network import VDSR
from napari_vdsr.zoo import (
    Model,
    export_model,
    import_model,
    load_model,
    models,
    remove_model,
    rename_model,
)


def names() -> list[str]:
    return [card.name for card in models() if card.origin == "user"]


@pytest.fixture
def checkpoint(folders: Path) -> Path:
    """A file of a network that leaves images as they are."""
    path = folders / "my net, best.pth"
    network = VDSR(depth=3, features=4)
    torch.nn.init.zeros_([*network.layers][-1].weight)
    torch.save({"state_dict": network.state_dict()}, path)
    return path


def test_an_imported_model_is_listed_and_loads_by_name(checkpoint: Path) -> None:
    card = import_model(checkpoint, title="My net")
    assert (card.name, card.title, card.here) == ("my-net-best", "My net", True)
    assert card.architecture == "vdsr"
    assert card.source == "imported from my net, best.pth"
    assert names() == ["my-net-best"]
    checkpoint.unlink()
    model = load_model("my-net-best")
    assert (model.network.depth, model.title) == (3, "My net")
    assert len(model.metadata["imported_sha256"]) == 64


def test_a_link_to_a_missing_file_hides_no_other_model(checkpoint: Path) -> None:
    card = import_model(checkpoint)
    card.path.with_name("gone.safetensors").symlink_to(checkpoint.parent / "nothing")
    assert names() == [card.name]


def test_a_trained_model_keeps_what_its_training_says(folders: Path) -> None:
    told = {"training": "200 steps", "factors": "1.5, 2", "licence": "CC0"}
    trained = Model(VDSR(depth=2, features=4), "mine", metadata=told)
    card = import_model(trained, "mitochondria")
    assert (card.factors, card.licence) == ((1.5, 2), "CC0")
    assert load_model("mitochondria").metadata["training"] == "200 steps"


def of_a_denoiser(network: VDSR) -> None:
    last = [*network.layers][-1]
    last.weight *= -1


def of_random_weights(network: VDSR) -> None:
    for layer in network.layers:
        torch.nn.init.kaiming_normal_(layer.weight)


FAULTS = {
    of_a_denoiser: "what a denoiser subtracts",
    of_random_weights: "images enlarged in another way",
}


@pytest.mark.parametrize("change", FAULTS)
def test_an_import_that_loses_to_bicubic_is_said_at_once_with_the_likely_cause(
    change: object, folders: Path
) -> None:
    network = load_model("vdsr5").network
    with torch.no_grad():
        change(network)  # type: ignore[operator]
    torch.save(network.state_dict(), folders / "net.pth")
    reason = rf"net is worse than bicubic.*dB at x2.*x4.*{FAULTS[change]}"
    with pytest.warns(VdsrWarning, match=reason):
        import_model(folders / "net.pth")
    assert names() == ["net"]


def test_a_good_model_is_imported_without_a_word(folders: Path) -> None:
    network = load_model("vdsr5").network
    torch.save(network.state_dict(), folders / "net.pth")
    import_model(folders / "net.pth")


@pytest.mark.needs_shared
def test_a_network_trained_on_bytes_is_told_apart(shared: Path, folders: Path) -> None:
    path = shared / "weights" / "third_party" / "VDSR_Official.mat"
    network = load_model(path).network
    with torch.no_grad():
        for layer in network.layers:
            layer.bias *= 255
    torch.save(network.state_dict(), folders / "net.pth")
    with pytest.warns(VdsrWarning, match="intensities from 0 to 255"):
        import_model(folders / "net.pth")


@pytest.mark.parametrize(
    "name",
    ["a/b", "../a", ".hidden", "a b", "ä", "a" * 65, "a.pth", "a.", "NUL", "com1.x"],
)
def test_names_that_are_no_file_names_are_refused(
    name: str, checkpoint: Path, folders: Path
) -> None:
    with pytest.raises(InputError, match="letters, digits"):
        import_model(checkpoint, name)
    assert names() == []


CALLS: dict[str, Callable[[Any], object]] = {
    "import": lambda value: import_model(value),
    "import as": lambda value: import_model(load_model("vdsr5"), value),
    "import with title": lambda value: import_model(
        load_model("vdsr5"), "b", title=value
    ),
    "rename": lambda value: rename_model(value, "b"),
    "rename to": lambda value: rename_model("mine", value),
    "remove": lambda value: remove_model(value),
    "export to": lambda value: export_model("mine", value),
    "save": lambda value: load_model("mine").save(value),
}


@pytest.mark.parametrize("call", CALLS)
def test_names_and_paths_of_another_type_are_refused(
    call: str, checkpoint: Path
) -> None:
    import_model(checkpoint, "mine")
    for value in (5, 2.5, [], ["a"], b"a", np.arange(3)):
        with pytest.raises(InputError) as caught:
            CALLS[call](value)
        assert repr(value) in str(caught.value)
    assert names() == ["mine"]


def test_names_are_given_once(checkpoint: Path) -> None:
    import_model(checkpoint, "mine")
    for taken in ("mine", "MINE", "vdsr20", "vdsr20-kim2016"):
        with pytest.raises(InputError, match="already"):
            import_model(checkpoint, taken)
    assert names() == ["mine"]


def test_a_bad_file_is_not_imported(folders: Path) -> None:
    (folders / "bad.pth").write_bytes(b"\x80\x02cos\nsystem\n)R.")
    with pytest.raises(ModelError, match=r"bad\.pth.*os\.system"):
        import_model(folders / "bad.pth")
    assert names() == []


def test_a_model_can_be_renamed(checkpoint: Path) -> None:
    path = import_model(checkpoint, "mine").path
    before = path.read_bytes()
    card = rename_model("mine", "yours")
    assert names() == [card.name] == ["yours"]
    assert card.path.read_bytes() == before
    assert not path.exists()


def test_a_name_in_use_is_not_renamed_over(checkpoint: Path) -> None:
    import_model(checkpoint, "mine")
    import_model(checkpoint, "yours")
    with pytest.raises(InputError, match="already"):
        rename_model("mine", "yours")
    assert names() == ["mine", "yours"]


def test_removing_only_moves_the_file(checkpoint: Path, folders: Path) -> None:
    for count in (1, 2, 3):
        import_model(checkpoint, "mine")
        path = remove_model("mine")
        assert load_model(path).network.depth == 3
        assert len(list((folders / "models" / "removed").iterdir())) == count
    assert names() == []


@pytest.mark.parametrize("change", [remove_model, lambda name: rename_model(name, "a")])
@pytest.mark.parametrize("name", ["vdsr20", "nobody"])
def test_only_ones_own_models_can_be_changed(
    change: object, name: str, folders: Path
) -> None:
    with pytest.raises(InputError, match="not one of your own"):
        change(name)  # type: ignore[operator]


def test_a_damaged_file_is_listed_with_its_fault(folders: Path) -> None:
    (folders / "models").mkdir()
    (folders / "models" / "broken.safetensors").write_bytes(b"broken")
    (card,) = (card for card in models() if card.name == "broken")
    assert "damaged" in card.description
    with pytest.raises(ModelError, match=r"broken\.safetensors"):
        load_model("broken")


def test_a_folder_that_cannot_be_made_is_named(
    checkpoint: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(checkpoint / "models"))
    with pytest.raises(FileError, match="cannot make the folder"):
        import_model(checkpoint)


def test_an_exported_model_is_the_same_in_our_own_format(
    checkpoint: Path, folders: Path
) -> None:
    import_model(checkpoint, "mine", title="Mine")
    path = export_model("mine", folders / "out.safetensors")
    exported, mine = load_model(path), load_model("mine")
    assert exported.title == "Mine"
    for one, other in zip(exported.network.layers, mine.network.layers, strict=True):
        assert torch.equal(one.weight, other.weight)
    with pytest.raises(FileError, match="exists already"):
        export_model("mine", path)
