"""Data sets whose pixels have classes: what they say of themselves, their parts, and masks from the cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_masks
from PIL import Image

from vlass_explorer import datasets
from vlass_explorer.datasets import pixel_labels, splits
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.schema import IGNORE, DatasetError, InputSpec, Window


def test_a_folder_says_what_its_images_cannot(tmp_path: Path) -> None:
    root = tiny_masks.make(tmp_path / "set", count=5)
    with (root / "dataset.yaml").open("a") as file:
        file.write("survey: TEST\nfrequency_ghz: 1.4\nunit: Jy/beam\nlicence: mine\ntitle: Mine\n")
    found = datasets.load("mask_folders", root)
    assert (found.survey, found.frequency_ghz, found.unit, found.licence) == ("TEST", 1.4, "Jy/beam", "mine")
    assert (found.title, found.beam_arcsec, found.pixel_scale_arcsec) == ("Mine", (3, 3), 1)
    assert found.is_masked and found.label_names == tiny_masks.CLASSES and len(found) == 5
    assert len(datasets.load("mask_folders", root, seed=3, count=2)) == 2
    assert len(splits.split(found, "random").validation) == 1
    with pytest.raises(DatasetError, match="fewer than two images with masks"):
        splits.split(datasets.load("mask_folders", root, count=1), "random")
    for reader in ("mask_folders", "coco_masks"):
        with pytest.raises(DatasetError, match="needs a folder"):
            datasets.load(reader, None)


def test_published_facts_are_those_of_radiogalaxynet_alone(tmp_path: Path) -> None:
    for names, survey in ((("FR-II", "FR-I", "FR-X", "R"), "EMU pilot"), (("core", "lobe"), None)):
        root = tmp_path / names[0]
        (root / "annotations").mkdir(parents=True)
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(root / "a.png")
        told = {
            "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
            "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 20}],
            "annotations": [],
        }
        (root / "annotations" / "val.json").write_text(json.dumps(told))
        assert datasets.recognise(root) == "coco_masks"
        found = datasets.load("class_folders", root)
        assert found.survey == survey and found.label_names == ("background", *names)
        assert ("non-commercial" in found.licence) == (survey is not None) == found.colour
        assert found.items[0].split == "validation"


def test_simulated_masks_keep_their_parts_apart() -> None:
    found = datasets.load("simulated_masks", None, seed=1, count=8)
    parts = splits.split(found, "authors")
    assert [len(part) for part in parts] == [8, 200, 200] and found.simulated and found.unit == "Jy/beam"
    again = datasets.load("simulated_masks", None, seed=2, count=8)
    keys = [[item.key for item in data.items] for data in (found, again)]
    assert keys[0][8:] == keys[1][8:] and not set(keys[0][:8]) & set(keys[1][:8])
    with pytest.raises(DatasetError, match="A simulation seed is 0 to"):
        datasets.load("simulated_masks", None, seed=2_147_483_647)
    # Stripes come with every morphology, and not with all of one.
    masks = [item.mask() for item in found.items[:8] if item.mask is not None]
    assert [bool((mask == 4).any()) for mask in masks] == [False] * 4 + [True] * 4


@pytest.mark.parametrize("colour", [False, True])
def test_masks_of_the_cache_lie_on_their_images(tmp_path: Path, colour: bool) -> None:
    """Also where grey and colour pictures of one size lie in one set."""
    root = tiny_masks.make(tmp_path / "set", count=4)
    y, x = np.mgrid[:40, :40]
    for index in range(4, 7):
        mask = (np.hypot(y - 20, x - 10 - index) < 6).astype(np.uint8)
        picture = np.stack([200 * mask, 100 * mask, 3 * index * (1 - mask)], -1) if colour else 200 * mask
        Image.fromarray(picture.astype(np.uint8)).save(root / "images" / f"{index}.png")
        Image.fromarray(mask).save(root / "masks" / f"{index}.png")
    with (root / "dataset.yaml").open("a") as file:
        file.write(f"colour: {str(colour).lower()}\n")
    data = datasets.load("mask_folders", root)
    spec = InputSpec(
        stretch="linear", field_of_view_pixels=24, field_of_view=24, img_size=24, colour=colour, in_chans=3
    )
    found = stretched(data, spec)
    whole = {item.name: item for item in pixel_labels.read_folder(root).items}
    for item, (group, row) in zip(data.items, found.place.tolist(), strict=True):
        own = found.labels(group, [row], found.windows[group])[0]
        assert np.array_equal(own, whole[item.name].read(3)[1][8:32, 8:32])
    outside = found.labels(group, [row], Window(-3, 5, 0, 4))
    assert outside.shape == (1, 8, 4) and (outside[0, :3] == IGNORE).all()
    (root / "masks" / "4.png").unlink()
    Image.fromarray(np.zeros((40, 41), np.uint8)).save(root / "masks" / "4.png")
    with pytest.raises(DatasetError, match=r"4.png: its mask has 41 × 40 pixels and the image 40 × 40"):
        stretched(datasets.load("mask_folders", root), spec)
