"""Networks with the layers and names of popular repositories, with random weights.

What is imported from a file as their training scripts write it gives what the network
itself gives. The sources are named; none of their code or weights is here.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import napari_vdsr
from napari_vdsr.imaging.resample import resize


def conv(channels_in: int, channels_out: int, size: int = 3, bias: bool = False) -> Any:
    return nn.Conv2d(channels_in, channels_out, size, padding=size // 2, bias=bias)


def named(**layers: nn.Module) -> nn.Module:
    """Layers in the order in which they run."""
    return nn.Sequential(OrderedDict(layers))


def block(name: str, bias: bool = False) -> nn.Module:
    return named(**{name: conv(8, 8, bias=bias), "relu": nn.ReLU()})


def twtygqyy() -> nn.Module:
    """github.com/twtygqyy/pytorch-vdsr."""
    trunk = nn.Sequential(*(block("conv") for _ in range(3)))
    first, last = conv(1, 8), conv(8, 1)
    return named(input=first, relu=nn.ReLU(), residual_layer=trunk, output=last)


def lornatang() -> nn.Module:
    """github.com/Lornatang/VDSR-PyTorch."""
    first = nn.Sequential(conv(1, 8), nn.ReLU())
    trunk = nn.Sequential(*(block("conv") for _ in range(3)))
    return named(conv1=first, trunk=trunk, conv2=conv(8, 1))


def junsu_park() -> nn.Module:
    """github.com/Junsu-Park/VDSR-Pytorch, of one channel; all layers have a bias."""
    trunk = nn.Sequential(*(block("conv1", bias=True) for _ in range(3)))
    first, last = conv(1, 8, bias=True), conv(8, 1, bias=True)
    return named(conv1=first, relu=nn.ReLU(), deepconv=trunk, conv2=last)


def yjn870_srcnn() -> nn.Module:
    """github.com/yjn870/SRCNN-pytorch."""
    first, second, third = (
        conv(1, 64, 9, True),
        conv(64, 32, 5, True),
        conv(32, 1, 5, True),
    )
    return named(conv1=first, r1=nn.ReLU(), conv2=second, r2=nn.ReLU(), conv3=third)


def lornatang_srcnn() -> nn.Module:
    """github.com/Lornatang/SRCNN-PyTorch."""
    return named(
        features=nn.Sequential(conv(1, 64, 9, True), nn.ReLU()),
        map=nn.Sequential(conv(64, 32, 5, True), nn.ReLU()),
        reconstruction=conv(32, 1, 5, True),
    )


def alone(network: nn.Module) -> Any:
    return network.state_dict()


def of_several_cards(network: nn.Module) -> Any:
    return nn.DataParallel(network).state_dict()


def with_all_beside(network: nn.Module) -> Any:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 40])
    return {
        "epoch": 80,
        "best_psnr": 37.5,
        "state_dict": network.state_dict(),
        "ema_state_dict": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
    }


NETWORKS = [twtygqyy, lornatang, junsu_park, yjn870_srcnn, lornatang_srcnn]


@pytest.mark.parametrize("content", [alone, of_several_cards, with_all_beside])
@pytest.mark.parametrize("make", NETWORKS)
def test_it_gives_what_the_network_itself_gives(
    make: Callable[[], nn.Module], content: Callable[[nn.Module], Any], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    network = make()
    torch.save(content(network), tmp_path / "theirs.pth.tar")
    small = np.random.default_rng(0).uniform(0, 1, (18, 16)).astype(np.float32)
    base = resize(small, (36, 32)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(base)[None, None])[0, 0].numpy()
    seen = slice(None)
    if "srcnn" in make.__name__:
        # These pad with zeros. Ours goes on as the image does, like the authors' own
        # code in MATLAB, so it differs where the three layers see the border.
        seen = slice(4 + 2 + 2, -(4 + 2 + 2))
    else:  # a VDSR predicts what is missing
        expected = expected + base

    ours = napari_vdsr.upscale(
        small, 2, model=tmp_path / "theirs.pth.tar", intensity_range=(0, 1)
    )
    np.testing.assert_allclose(ours[seen, seen], expected[seen, seen], atol=1e-5)
