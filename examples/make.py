"""Write the bundled examples again: eight simulated FITS cutouts, two a class, and two PNG.

python -m examples.make
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vlass_explorer import preprocess
from vlass_explorer.datasets import simulated
from vlass_explorer.schema import InputSpec

FOLDER = Path(__file__).parent
SEED = 1
INDICES = {"Extended": (40, 36), "Point Source": (17, 49), "Double Lobes": (42, 38), "Three Points": (35, 51)}


def stem(label: str, number: int) -> str:
    """Name of an example without its suffix: sim_double_lobes_1."""
    return f"sim_{label.lower().replace(' ', '_')}_{number}"


def picture(label: str, stretch: str) -> Image.Image:
    """The first example of a class as an 8-bit picture, north up, as catalogues show it: without unit or beam."""
    image = preprocess.stretched(simulated.cutout(label, SEED, INDICES[label][0]), InputSpec(stretch=stretch))
    image = (image - image.min()) / (image.max() - image.min())
    return Image.fromarray(np.round(255 * image[::-1]).astype(np.uint8))


def main() -> None:
    """Write all examples beside this file."""
    for label, indices in INDICES.items():
        for number, index in enumerate(indices, 1):
            simulated.write_fits(FOLDER / f"{stem(label, number)}.fits", label, SEED, index)
    picture("Double Lobes", "first_png").save(FOLDER / "simulated_double_lobes.png", optimize=True)
    picture("Three Points", "asinh").save(FOLDER / "simulated_three_points.png", optimize=True)


if __name__ == "__main__":
    main()
