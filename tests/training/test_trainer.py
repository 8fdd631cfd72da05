"""The training: it learns, it repeats, it goes on after a kill, it stops in time."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_training import long_training, picture, tiny

import napari_vdsr
from napari_vdsr.errors import (
    Cancelled,
    InputError,
    VdsrWarning,
)
from napari_vdsr.network import SRCNN, VDSR
from napari_vdsr.training import (
    BlindNoise,
    CameraNoise,
    Pairs,
    Spot,
    Stage,
    TrainedModel,
    Trainer,
    TrainingConfig,
    batches,
    learner,
    prepare,
    recipe,
    train,
)
from napari_vdsr.training import (
    trainer as trainer_module,
)
from napari_vdsr.training.checkpoint import read_checkpoint
from napari_vdsr.training.validate import Validation
from napari_vdsr.zoo import Model, import_model, load_model

IMAGES = [picture(seed) for seed in range(5)]


def weights(model: Model) -> torch.Tensor:
    return torch.cat([p.flatten() for p in model.network.parameters()])


def trained(config: TrainingConfig, **options: object) -> TrainedModel:
    return train(IMAGES, config=config, device="cpu", **options)  # type: ignore[arg-type]


def test_a_network_learns_to_beat_bicubic() -> None:
    model = trained(tiny(steps=120, validate_every=120))
    assert model.history.scores[-1].gain > 0.3
    assert model.history.losses[-1].value < model.history.losses[0].value


def test_two_trainings_with_one_seed_are_identical() -> None:
    config = tiny(noise=CameraNoise(white=500.0))
    one, two = trained(config), trained(config)
    assert torch.equal(weights(one), weights(two))
    assert one.history.losses == two.history.losses
    other = trained(tiny(noise=CameraNoise(white=500.0), seed=1))
    assert not torch.equal(weights(one), weights(other))


@pytest.mark.parametrize(
    "variant", ["equivariant", "paper", "srcnn-915", "srcnn-955", "course"]
)
def test_every_variant_can_be_trained_and_saved(tmp_path: Path, variant: str) -> None:
    colour = [np.dstack([picture(3 * n + c) for c in range(3)]) for n in range(3)]
    config = tiny(variant=variant, steps=2)
    model = train(colour, config=config, rgb=True, device="cpu")
    model.save(tmp_path / "mine.safetensors")
    again = load_model(tmp_path / "mine.safetensors")
    assert torch.equal(weights(model), weights(again))
    assert again.metadata["training"] == model.metadata["training"]
    assert again.equivariant == (variant == "equivariant")


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_equivariance_holds_after_training(optimiser: str) -> None:
    config = tiny(optimiser=optimiser, steps=30, learning_rate=3e-3, weight_decay=0.01)
    model = trained(config)
    assert model.equivariant
    first = next(model.network.layers).weight
    assert first.sum((2, 3)).abs().max() < 1e-6
    image = picture(7, (24, 24)).astype(np.float64)
    usual = napari_vdsr.upscale(image, 2, model=model)
    changed = napari_vdsr.upscale(3 * image + 1000, 2, model=model)
    np.testing.assert_allclose(changed, 3 * usual + 1000, atol=1e-3)
    assert not torch.equal(first, next(VDSR(3).layers).weight)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from pathlib import Path
from small_training import long_training
for report in long_training(Path({checkpoint!r})).run():
    if report.step >= 15:
        print("waiting", flush=True)
        sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_after_a_kill_the_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    checkpoint = tmp_path / "killed.checkpoint"
    tests = str(Path(__file__).parent)
    code = SCRIPT.format(tests=tests, checkpoint=str(checkpoint))
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert sorted(tmp_path.iterdir()) == [checkpoint]
    assert read_checkpoint(checkpoint).values["step"] == 14

    again = long_training(checkpoint, resume=checkpoint)
    whole = long_training(tmp_path / "whole.checkpoint")
    assert again.history.steps == 14
    for each in (again, whole):
        list(each.run())
    assert torch.equal(weights(whole.model()), weights(again.model()))


INSTRUMENT: dict[str, Any] = {
    "sampling": {"scanner": 0.5, "camera": 0.3, "reduced": 0.2},
    "spot": Spot((0.2, 0.8), share=0.6),
    "noise": BlindNoise((20.0, 500.0), (0.0, 2.0), clean=0.3),
    "loss": "relative",
}
"""All that is drawn anew for each patch."""


@pytest.mark.parametrize(
    "changes", [{"optimiser": "sgd", "learning_rate": 0.01}, INSTRUMENT]
)
def test_stopping_and_resuming_changes_nothing(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = tiny(steps=20, checkpoint_every=50, **changes)
    whole = trained(config)
    prepared = prepare(IMAGES, config)
    path = tmp_path / "state.checkpoint"
    trainer = Trainer(prepared, config, device="cpu", checkpoint=path)
    for report in trainer.run():
        if report.step >= 9:
            trainer.stop()
    assert 9 <= trainer.history.steps < 20 and not trainer.finished
    again = Trainer(prepared, config, device="cpu", resume=path)
    assert again.history.steps == trainer.history.steps
    list(again.run())
    assert torch.equal(weights(again.model()), weights(whole))
    assert again.model().history.losses == whole.history.losses


def test_a_paused_training_can_be_looked_at_and_goes_on() -> None:
    config = tiny(steps=20)
    trainer = Trainer(prepare(IMAGES, config), config, device="cpu")
    steps = trainer.run()
    next(steps)
    early = trainer.model()
    list(steps)
    assert trainer.finished
    assert early.history.steps < trainer.model().history.steps == 20
    assert torch.equal(weights(trainer.model()), weights(trained(config)))


def test_cancelling_by_the_progress_bar_keeps_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    class Impatient:
        done = 0.0

        def reset(self, total: float | None = None) -> None:
            assert total == 50

        def update(self, n: float = 1) -> None:
            self.done += n
            if self.done >= 6:
                raise Cancelled("enough")

    path = tmp_path / "state.checkpoint"
    with pytest.raises(Cancelled):
        trained(tiny(steps=50), checkpoint=path, progress=Impatient())
    assert read_checkpoint(path).values["step"] >= 4
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a size limit")
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "state.checkpoint"
    config = tiny(steps=8)
    trainer = Trainer(prepare(IMAGES, config), config, device="cpu", checkpoint=path)
    steps = trainer.run()
    while not path.exists():
        next(steps)
    good = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        told = list(steps)[-1].event
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]
    assert "no checkpoint" in trainer.history.events[0].text
    assert told is not None and "disk is full" in told
    assert trainer.finished  # and what it has learnt is there
    assert trainer.model().history.steps == 8
    list(trainer.run())  # with room again, it is written
    assert read_checkpoint(path).values["step"] == 8


def test_an_exploding_loss_ends_with_the_last_good_weights() -> None:
    config = tiny(steps=60, learning_rate=1e9, clip_norm=None, optimiser="sgd")
    with (
        pytest.warns(VdsrWarning, match="loss exploded"),
        pytest.warns(
            VdsrWarning, match="stopped early, after step .* of 60: the model"
        ),
    ):
        model = trained(config)
    assert torch.isfinite(weights(model)).all()
    assert "stopped with the last good weights" in model.history.events[-1].text
    start = Trainer(prepare(IMAGES, config), config, device="cpu").model()
    assert torch.equal(weights(model), weights(start))
    assert model.history.gave_up
    assert "Stopped early, 60 steps were planned" in model.metadata["description"]
    assert json.loads(model.metadata["training"])["gave_up"]


def test_a_training_that_gave_up_is_scored_and_not_gone_on_with(tmp_path: Path) -> None:
    config = tiny(steps=60, learning_rate=1e9, clip_norm=None, optimiser="sgd")
    path = tmp_path / "state.checkpoint"
    prepared = prepare(IMAGES, config)
    trainer = Trainer(prepared, config, device="cpu", checkpoint=path)
    list(trainer.run())
    assert trainer.gave_up and trainer.finished
    assert trainer.history.steps < 60
    again = Trainer(prepared, config, device="cpu", resume=path)
    assert again.gave_up
    assert not list(again.run())
    assert prepared.validation is not None
    scored = Validation(prepared.validation, config, torch.device("cpu"))
    steps = trainer.history.steps
    assert trainer.score == scored.score(again.model().network, steps)
    assert torch.equal(weights(again.model()), weights(trainer.model()))


def test_a_training_that_ends_well_did_not_give_up() -> None:
    model = trained(tiny())
    assert not model.history.gave_up
    assert "Stopped early" not in model.metadata["description"]


def test_a_report_tells_the_mean_loss_since_the_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainer_module, "_OFTEN", math.inf)  # only with scores
    config = tiny(steps=20, validate_every=6)
    trainer = Trainer(prepare(IMAGES, config), config, device="cpu")
    told = {report.step: report.loss for report in trainer.run()}
    losses = [loss.value for loss in trainer.history.losses]
    assert list(told) == [6, 12, 18, 20]
    assert told == pytest.approx(
        {
            6: sum(losses[:6]) / 6,
            12: sum(losses[6:12]) / 6,
            18: sum(losses[12:18]) / 6,
            20: sum(losses[18:]) / 2,
        }
    )


def test_images_are_not_needed_once_they_have_been_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROUND", 4)
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    config = tiny(validation_share=0.0)
    prepared = prepare(tmp_path, config, memory=1)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    trainer = Trainer(prepared, config, device="cpu")
    list(trainer.run())
    assert trainer.finished


def test_a_rate_that_is_too_high_is_lowered_until_it_works() -> None:
    config = tiny(steps=60, learning_rate=8.0, clip_norm=None, loss="mse", ema=0.0)
    with pytest.warns(VdsrWarning, match="loss exploded"):
        model = trained(config)
    assert model.history.steps == 60
    assert model.history.losses[-1].learning_rate < 8.0
    assert torch.isfinite(weights(model)).all()


def test_fine_tuning_starts_from_the_model_and_leaves_it_alone() -> None:
    start = Model(VDSR(4).eval(), "mine")
    before = weights(start).clone()
    image = picture(9, (64, 64))
    model = train(image, config=tiny(steps=2, ema=0.0), start_from=start, device="cpu")
    assert model.network.depth == 4
    assert torch.equal(weights(start), before)
    moved = (weights(model) - before).abs().max()
    assert 0 < moved < 0.01
    assert "mine" in model.metadata["description"]
    assert [score.step for score in model.history.scores] == [0, 2]


def test_a_model_is_fine_tuned_for_a_microscope(tmp_path: Path) -> None:
    start = Model(VDSR(4).eval(), "mine")
    images = [picture(seed, (80, 96)) for seed in range(4)]
    config = recipe(
        "microscope",
        **{"steps": 3, "patch": 16, "batch": 4, "sampling": "camera"},
        factors=(2.0, 3.0),
    )
    model = train(images, config=config, start_from=start, device="cpu")
    model.save(tmp_path / "tuned.safetensors")
    told = load_model(tmp_path / "tuned.safetensors").metadata
    assert told["sampling"] == "camera"
    assert (
        "Fine-tuned from mine in 3 steps on 3 images, factors 2, 3. For images taken "
        "by a camera (widefield, spinning disk), with noise."
    ) in told["description"]
    read = TrainingConfig.from_json(json.loads(told["training"])["config"])
    assert read == config
    assert model.equivariant
    assert set(model.history.scores[-1].psnr) == {"x2", "x3"}


def test_a_model_says_what_images_it_is_for() -> None:
    plain = trained(tiny(steps=1)).metadata
    assert plain["sampling"] == "reduced"
    assert "For images reduced by software, without noise." in plain["description"]
    mixed = trained(tiny(steps=1, **INSTRUMENT)).metadata
    assert mixed["sampling"] == "scanner"
    assert "Patches: 50% scanner, 30% camera, 20% reduced." in mixed["description"]
    pairs = Pairs(IMAGES, [image // 2 for image in IMAGES])
    real = train(pairs, config=tiny(steps=1), device="cpu").metadata
    assert "sampling" not in real
    assert "For images" not in real["description"]


def test_a_network_learns_what_a_microscope_does() -> None:
    config = tiny(
        **{"steps": 150, "patch": 16, "batch": 8, "learning_rate": 4e-3},
        **{"sampling": "scanner", "noise": BlindNoise((20.0, 50.0), clean=0.0)},
        **{"validate_every": 150, "loss": "relative"},
    )
    model = trained(config)
    assert model.history.scores[-1].gain > 0.4


def test_a_model_for_colours_cannot_be_trained_on_luminance() -> None:
    start = Model(VDSR(3, channels=3, bias=True, first_padding="zeros"), "rgb")
    with pytest.raises(InputError, match="rgb takes colours"):
        trained(tiny(), start_from=start)
    with pytest.raises(InputError, match="takes luminance"):
        train(
            np.dstack(IMAGES[:3]),
            config=tiny(variant="course", validation_share=0.0),
            rgb=True,
            start_from=Model(SRCNN(), "grey"),
        )


def test_stages_lean_to_the_domain() -> None:
    grey = [np.where(picture(seed) > 128, 30, 20).astype(np.uint8) for seed in range(3)]
    stages = (Stage(4, 1e-3), Stage(4, 1e-3, detail=True, share=0.5))
    config = dataclasses.replace(tiny(), stages=stages)
    model = trained(config, domain=grey)
    assert model.history.steps == 8
    assert not torch.equal(weights(model), weights(trained(config)))


def test_mixed_precision_trains_and_keeps_the_weights_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learner, "computes_bfloat16", lambda: True)
    model = trained(tiny(precision="bfloat16", steps=3))
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    assert model.equivariant
    exact = trained(tiny(precision="float32", steps=3))
    assert 0 < (weights(model) - weights(exact)).abs().max() < 0.01


def test_the_precision_is_the_fastest_that_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    tuned = recipe("adapt")  # whose variant says nothing of the model
    monkeypatch.setattr(learner, "computes_bfloat16", lambda: True)
    assert learner.hidden_precision(tiny(), VDSR(3), cpu) is torch.bfloat16
    assert learner.hidden_precision(tuned, SRCNN(), cpu) is torch.float32
    monkeypatch.setattr(learner, "computes_bfloat16", lambda: False)
    assert learner.hidden_precision(tiny(), VDSR(3), cpu) is torch.float32
    with pytest.raises(InputError, match="does not compute in bfloat16"):
        trained(tiny(precision="bfloat16"))
    with pytest.raises(InputError, match="float16 is not for the CPU"):
        trained(tiny(precision="float16"))


def test_the_finished_model_appears_among_the_users_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_VDSR_MODELS", str(tmp_path / "models"))
    card = import_model(trained(tiny(steps=2)), "my-cells")
    assert card.factors == (2,)
    assert "my-cells" in {card.name for card in napari_vdsr.models()}


def test_the_history_is_a_table() -> None:
    history = trained(tiny()).history
    lines = history.to_csv().splitlines()
    assert lines[0] == "step,loss,learning_rate,psnr_x2,enlarged_x2"
    assert len(lines) == 13
    assert lines[6].count(",") == 4 and not lines[6].endswith(",")
    assert type(history).from_json(history.to_json()).scores == history.scores
