import pytest

from napari_vdsr.errors import ModelError
from napari_vdsr.zoo.formats.layouts import renamed

LAYOUTS = {
    "ours": ["conv0", "conv1", "conv2", "conv10"],
    "counted from one": ["conv1", "conv2", "conv3"],
    "in parallel": ["module.conv0", "module.conv1"],
    "a sequence with ReLU": ["0", "2", "4", "10"],
    "a named sequence": ["body.0", "body.2", "body.4"],
    "deep prefixes": ["model.net.0.conv", "model.net.1.conv"],
    "twtygqyy": ["input", *[f"residual_layer.{i}.conv" for i in range(12)], "output"],
    "head and tail": ["head", "body.0", "body.2", "tail"],
    "head and tail in lists": ["head.0", "body.0", "body.2", "tail.0"],
    "first and last": ["conv_first", "body.0", "body.1", "conv_last"],
    "Lornatang": ["conv1.0", "trunk.0.conv", "trunk.1.conv", "conv2"],
    "Lornatang's SRCNN": ["features.0", "map.0", "reconstruction"],
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layers_are_numbered_in_the_order_they_run(kind: str) -> None:
    names = LAYOUTS[kind]
    state = {f"{name}.{kind}": name for name in names for kind in ("bias", "weight")}
    backwards = dict(reversed(state.items()))
    assert renamed(backwards) == {
        f"conv{index}.{kind}": name
        for index, name in enumerate(names)
        for kind in ("bias", "weight")
    }


STRANGE = {
    "words": ["foo.weight", "bar.weight"],
    "normalised": ["conv0.weight", "bn0.weight", "conv1.weight"],
    "statistics": ["conv0.weight", "conv0.running_mean"],
    "blocks of two": ["body.0.conv1.weight", "body.0.conv2.weight", "tail.weight"],
    "the same place twice": ["conv1.weight", "conv01.weight"],
    "nothing": [],
    "no layer": ["weight", "bias"],
}


@pytest.mark.parametrize("kind", STRANGE)
def test_an_unknown_layout_is_refused_with_what_was_found(kind: str) -> None:
    with pytest.raises(ModelError, match="unknown layout") as caught:
        renamed(dict.fromkeys(STRANGE[kind]))
    for name in STRANGE[kind]:
        assert name in str(caught.value)
