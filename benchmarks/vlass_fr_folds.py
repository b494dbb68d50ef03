"""Fine-tuned on real VLASS: FR I against FR II, every picture judged by a network that was not trained on it.

    OMP_NUM_THREADS=1 python benchmarks/vlass_fr_folds.py [--data-dir ../shared/data] [--runs FOLDER] [key=value …]

The pictures of ``vlass_fr.py``, declared as there (Quick Look, 2.5 arcsec, log:100), become a data set in FOLDER, on
which ``train folds --recipe vlass/fr --splits random`` trains five networks, each on four fifths; folds that are
finished are read. Balanced accuracy of the pooled answers with 95 % of 2,000 bootstrap draws within each class, and of
those galaxies that are recognised among the labelled FIRST images, which the starting weights have seen, and of the
others. The recipe was chosen on these pictures, so expect a little less elsewhere. No weights of them are shipped: the
pictures carry no licence.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.attention_cost import processor  # noqa: E402
from benchmarks.vlass_fr import PIXEL, PLAUSIBLE, declared, interval, is_found, matched, read, spread  # noqa: E402
from vlass_explorer import checkpoints, runs  # noqa: E402
from vlass_explorer.evaluation import parts  # noqa: E402
from vlass_explorer.evaluation.scores import evaluate  # noqa: E402

STRETCH, BEAM = PLAUSIBLE[0]
FACTS = {
    "title": "VLASS FR I and FR II",
    "label_names": ["FRI", "FRII"],
    "survey": "VLASS",
    "frequency_ghz": 3.0,
    "beam_arcsec": [BEAM, BEAM],
    "pixel_scale_arcsec": PIXEL,
    "stretch": STRETCH,
    "row0": "north",
}


def make(source: Path, target: Path) -> None:
    """The pictures with what they are beside them."""
    if not target.exists():
        shutil.copytree(source, target)
        (target / "dataset.yaml").write_text(yaml.safe_dump(FACTS), encoding="utf-8")


def found_among_first(data: Path, paths: list[Path]) -> np.ndarray:
    images = np.stack([cutout.pixels for cutout in matched(declared(paths, STRETCH, BEAM))])
    with (data / "first-radio-galaxies" / "labels.csv").open() as file:
        files = [data / "first-radio-galaxies" / line["path"] for line in csv.DictReader(file)]
    return is_found(images, np.stack([np.asarray(Image.open(path).convert("L"), np.float32) for path in files]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--runs", type=Path, default=None)
    parser.add_argument("changes", nargs="*", metavar="key=value", help="options of the recipe")
    options = parser.parse_args()
    root = (options.runs or runs.root()).resolve()
    root.mkdir(parents=True, exist_ok=True)
    folder = root / "vlass-fr"
    make(options.data_dir / "vlass-fr", folder)
    words = ["--recipe", "vlass/fr", "--splits", "random", "--data-dir", str(folder), *options.changes]
    command = [sys.executable, "-m", "train", "folds", *words]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "VLASS_EXPLORER_RUNS": str(root)})
    name = next((word[5:] for word in options.changes if word.startswith("name=")), "vlass-fr")
    label, paths = read(options.data_dir / "vlass-fr")
    known = found_among_first(options.data_dir, paths)
    position = {path.name: number for number, path in enumerate(paths)}
    answer = np.full(len(label), "", "U8")
    for fold in range(5):
        card = checkpoints.find(f"{name}-random-{fold}", root / "folds" / "checkpoints")
        part = parts.select(card, parts.config_of(card, data_dir=str(folder)))
        found = evaluate(checkpoints.load(card), card, part)
        for item, row in zip(found.names, found.probabilities, strict=True):
            answer[position[item]] = card.label_names[int(row.argmax())]
    assert (answer != "").all()
    print(f"\n{processor()}\n\n| galaxies | FR I | FR II | balanced accuracy |\n|---|---|---|---|")
    for words_, part_ in (("all", np.ones(len(label), bool)), ("found in FIRST", known), ("not found", ~known)):
        right, of = answer[part_] == label[part_], label[part_]
        shares = [f"{int(right[of == each].sum())} of {int((of == each).sum())}" for each in ("FRI", "FRII")]
        print(f"| {words_} | {' | '.join(shares)} | {spread(interval(right, of))} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
