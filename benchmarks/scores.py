"""Score bicubic interpolation and models on whole benchmark sets, protocol A.

    python benchmarks/scores.py --model vdsr20 --model VDSR_Official.mat Set14 B100

Prints one line a set, factor and method, and each set's protocol above its lines.
Every argument is a folder of high-resolution images.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from napari_vdsr import evaluate
from napari_vdsr.evaluation.report import Evaluation
from napari_vdsr.imaging.resample import SAMPLINGS


def main() -> None:
    """Score every folder and print the means."""
    arguments = _arguments()
    for folder in arguments.folders:
        with tqdm(desc=folder.name, unit="image", file=sys.stderr) as bar:
            scores = evaluate(
                folder,
                model=arguments.model or ["vdsr20"],
                factors=arguments.factor or [2, 3, 4],
                protocol=arguments.protocol,
                sampling=arguments.sampling,
                noise=arguments.noise,
                device=arguments.device,
                precision=arguments.precision,
                progress=bar,
            )
        print(_summary(folder.name, scores), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--model", action="append", help="name or file; repeatable")
    parser.add_argument("--factor", action="append", type=int, help="repeatable")
    parser.add_argument("--protocol", default="A", choices=["A", "direct"])
    parser.add_argument("--sampling", choices=SAMPLINGS)
    parser.add_argument("--noise", choices=["weak", "strong", "estimated"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    return parser.parse_args()


def _summary(name: str, scores: Evaluation) -> str:
    """The means as lines of a table, below what they depend on."""
    lines = scores.to_text().split("\n\n")[0].splitlines()
    lines.append(
        f"{'set':8}{'x':>3}  {'method':24}{'images':>7}{'PSNR':>9}{'SSIM':>9}"
        f"{'MPix/s':>9}"
    )
    for mean in scores.means:
        ssim = "–" if mean.ssim is None else f"{mean.ssim:.4f}"
        lines.append(
            f"{name:8}{mean.factor:3g}  {mean.method:24}{mean.images:7}"
            f"{mean.psnr:9.3f}{ssim:>9}{mean.speed:9.3g}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
