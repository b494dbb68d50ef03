"""Twenty-one inputs in four shards, for the tests of catalogues."""

from __future__ import annotations

from pathlib import Path

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import plan
from vlass_explorer.catalogue.plan import How, Input, Plan
from vlass_explorer.datasets import simulated

GROUP = 3
QUICK = How(flux=False)


def written(root: Path) -> list[Path]:
    """Twenty cutouts, one of which is text, and one that is not there."""
    for index in range(20):
        simulated.write_fits(root / f"{index:02}.fits", "Double Lobes", 0, index)
    (root / "07.fits").write_text("no image")
    return [*sorted(root.iterdir()), root / "absent.fits"]


def inputs(files: list[Path]) -> list[Input]:
    return [Input(path.name, str(path), error="" if path.exists() else "There is no such file.") for path in files]


def made(folder: Path, files: list[Path], how: How = QUICK) -> Plan:
    """Four shards in row groups of three."""
    return plan.make(folder, inputs(files), [checkpoints.find("tiny")], how, shard=7, group=GROUP)
