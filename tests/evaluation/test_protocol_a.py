"""The paper's table, with the weights that it was made with."""

from pathlib import Path
from typing import Any

import pytest

from napari_vdsr import evaluate
from napari_vdsr.evaluation.report import Evaluation

# PSNR and SSIM of bicubic interpolation and of the authors' weights on Set5.
PAPER = {
    2: [(33.66, 0.9299), (37.53, 0.9587)],
    3: [(30.39, 0.8682), (33.66, 0.9213)],
    4: [(28.42, 0.8104), (31.34, 0.8838)],
}


@pytest.fixture(scope="module")
def scores(shared):
    return evaluate(
        shared / "data" / "images" / "Set5",
        model=shared / "weights" / "third_party" / "VDSR_Official.mat",
        device="cpu",
    )


@pytest.mark.needs_shared
@pytest.mark.parametrize("factor", PAPER)
def test_the_authors_weights_give_the_papers_figures(
    scores: Evaluation, factor: Any
) -> None:
    bicubic, authors = PAPER[factor]
    for method, (psnr, ssim) in {"bicubic": bicubic, "VDSR_Official": authors}.items():
        mean = scores.mean(factor, method)
        assert mean.images == 5
        assert mean.psnr == pytest.approx(psnr, abs=0.01)
        assert mean.ssim == pytest.approx(ssim, abs=0.0005)
        assert mean.speed > 0


@pytest.mark.needs_shared
def test_direct_scores_are_lower_because_files_are_rounded(
    scores: Evaluation, shared: Path
) -> None:
    name = "butterfly_GT.bmp"
    direct = evaluate(
        shared / "data" / "images" / "Set5" / name,
        model="vdsr20",
        factors=2,
        protocol="direct",
        device="cpu",
    )
    assert direct.mean(2, "bicubic").psnr == pytest.approx(27.43, abs=0.1)
    assert 34.3 < direct.mean(2, "vdsr20").psnr < 34.75
