"""The first weights of SRCNN: those that training begins with."""

import pytest
import torch

from napari_vdsr.network import SRCNN


@pytest.mark.parametrize("kernels", [(9, 1, 5), (9, 5, 5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_begins_by_passing_its_image_on(
    kernels: tuple[int, int, int], channels: int
) -> None:
    torch.manual_seed(0)
    network = SRCNN(kernels, channels=channels)
    image = torch.rand(2, channels, 24, 20)
    *hidden, last = network.layers
    last.weight.data[:, channels:] = 0  # what the random features add
    torch.testing.assert_close(network(image), image)
    for layer in hidden:
        assert layer.weight[channels:].count_nonzero() > 0


def test_what_is_random_about_it_is_small_beside_the_image() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        added = (SRCNN()(image) - image).square().mean().sqrt()
    assert added < 0.2 * image.square().mean().sqrt()
