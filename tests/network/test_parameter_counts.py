"""The shapes of the networks, against the counts of the papers and the course."""

import pytest
import torch

from napari_vdsr.network import SRCNN, VDSR

PAPER = {5: 112_001, 10: 296_641, 15: 481_281, 20: 665_921}
COURSE = {5: 113_153, 10: 297_793, 15: 482_433, 20: 667_073}
EQUIVARIANT = {5: 111_744, 10: 296_064, 15: 480_384, 20: 664_704}


@pytest.mark.parametrize("depth", [5, 10, 15, 20])
def test_each_variant_has_the_published_number_of_parameters(depth: int) -> None:
    paper = VDSR(depth, bias=True, first_padding="zeros")
    course = VDSR(depth, channels=3, bias=True, first_padding="zeros")
    assert paper.parameter_count == PAPER[depth]
    assert course.parameter_count == COURSE[depth]
    assert VDSR(depth).parameter_count == EQUIVARIANT[depth]


@pytest.mark.parametrize(
    ("kernels", "count"), [((9, 1, 5), 8_129), ((9, 5, 5), 57_281)]
)
def test_srcnn_has_the_published_number_of_parameters(
    kernels: tuple[int, int, int], count: int
) -> None:
    assert SRCNN(kernels).parameter_count == count


def test_the_halo_is_half_the_receptive_field() -> None:
    assert VDSR(20).halo == 20
    assert SRCNN((9, 1, 5)).halo == 6
    assert SRCNN((9, 5, 5)).halo == 8


def test_a_colour_network_adds_its_one_residual_to_all_channels() -> None:
    network = VDSR(3, features=8, channels=3, bias=True, first_padding="zeros")
    x = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    added = network(x) - x
    assert torch.allclose(added[:, 0], added[:, 1], atol=1e-6)
    assert added.abs().max() > 0


def test_only_the_project_variant_is_equivariant() -> None:
    assert VDSR(3).equivariant
    assert not VDSR(3, bias=True, first_padding="zeros").equivariant
    assert not VDSR(3, first_padding="zeros").equivariant
    assert not SRCNN().equivariant


def test_an_equivariant_network_ignores_offset_and_follows_scale() -> None:
    network = VDSR(4, features=8).double()
    x = torch.rand(
        1, 1, 12, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    residual = network.residual(x)
    # The filters sum to zero to float32 rounding, times the offset.
    assert torch.allclose(network.residual(3.7 * x - 41), 3.7 * residual, atol=1e-4)
