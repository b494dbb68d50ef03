"""Labelled pixels: folders, COCO outlines and simulated galaxies, and one sentence for each way to get them wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image
from skimage.draw import polygon2mask

from vlass_explorer.datasets import pixel_labels
from vlass_explorer.datasets.pixel_labels.polygons import filled, run_lengths
from vlass_explorer.schema import DatasetError, UnreadableItem
from vlass_explorer.segmentation import IGNORE

NAMES = ("background", "lobe", "jet")
REAL = Path(os.environ.get("VLASS_EXPLORER_DATA", "../shared/data")) / "radiogalaxynet"


def picture(seed: int = 0, size: tuple[int, int] = (40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, size, np.uint8)


def labels(size: tuple[int, int] = (40, 50)) -> np.ndarray:
    """A lobe in the upper left of the file, a jet below it, a corner without label."""
    mask = np.zeros(size, np.uint8)
    mask[2:8, 3:12] = 1
    mask[20:30, 5:7] = 2
    mask[-4:, -4:] = IGNORE
    return mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for index in range(4):
        Image.fromarray(picture(index)).save(tmp_path / "images" / f"{index}.png")
        Image.fromarray(labels()).save(tmp_path / "masks" / f"{index}.png")
    (tmp_path / "dataset.yaml").write_text("label_names: [background, lobe, jet]\nbeam_arcsec: [5.4, 5.4]\n")
    return tmp_path


def test_masks_lie_as_their_images_do(folder: Path) -> None:
    found = pixel_labels.read_folder(folder)
    assert found.label_names == NAMES and found.beam_arcsec == (5.4, 5.4) and len(found) == 4
    cutout, mask = found.items[2].read(3)
    assert np.array_equal(cutout.pixels, picture(2)[::-1]) and np.array_equal(mask, labels()[::-1])
    (folder / "dataset.yaml").write_text("label_names: [background, lobe, jet]\nrow0: south\n")
    cutout, mask = pixel_labels.read_folder(folder).items[2].read(3)
    assert np.array_equal(cutout.pixels, picture(2)) and np.array_equal(mask, labels())
    counts = found.counts()
    assert counts == {"background": 4 * (2000 - 54 - 20 - 16), "lobe": 4 * 54, "jet": 4 * 20}


def test_masks_in_fits_files_and_palettes(folder: Path) -> None:
    image = np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32)
    fits.PrimaryHDU(image).writeto(folder / "images" / "sky.fits")
    mask = labels().astype(np.float32)
    mask[mask == IGNORE] = np.nan
    fits.PrimaryHDU(mask[None]).writeto(folder / "masks" / "sky.fits")
    (folder / "masks" / "1.png").unlink()
    coloured = Image.fromarray(labels()).convert("P")
    coloured.putdata(labels().ravel().tolist())
    coloured.save(folder / "masks" / "1.png")
    found = {item.name: item.read(3) for item in pixel_labels.read_folder(folder).items}
    assert np.array_equal(found["sky.fits"][1], labels()) and np.array_equal(found["sky.fits"][0].pixels, image)
    assert np.array_equal(found["1.png"][1], labels()[::-1])


Break = Callable[[Path], Any]


def save(mask: np.ndarray) -> Break:
    return lambda root: Image.fromarray(mask).save(root / "masks" / "1.png")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (save(labels((40, 51))), "1.png: its mask has 51 × 40 pixels and the image 50 × 40."),
        (save(labels() + 1), "1.png: its mask holds the label 3, but there are 3 classes."),
        (save(np.full((40, 50), IGNORE, np.uint8)), "1.png: its mask is empty: not one pixel has a label."),
        (save(np.zeros((40, 50, 3), np.uint8)), "1.png: the mask 1.png cannot be read: it is no image of one number"),
        (lambda root: (root / "masks" / "1.png").write_bytes(b"no"), "1.png: the mask 1.png cannot be read: "),
        (
            lambda root: (root / "masks" / "1.png").unlink(),
            r"1 of 4 images have no mask \(1.png\): label them, or move",
        ),
        (
            lambda root: [(root / "masks" / f"{n}.png").unlink() for n in (1, 2)],
            r"2 of 4 images have no mask \(1.png and 1 more\)",
        ),
        (lambda root: (root / "dataset.yaml").unlink(), "dataset.yaml names no classes"),
        (
            lambda root: (root / "dataset.yaml").write_text("label_names: [background, lobe, jet, core]"),
            "No pixel of .* is core: leave the class out, or label some.",
        ),
        (lambda root: (root / "masks").rename(root / "mask"), "has no folder 'masks'"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_sentence(folder: Path, broken: Break, said: str) -> None:
    broken(folder)
    with pytest.raises(DatasetError, match=said) as found:
        whole = pixel_labels.read_folder(folder)
        whole.counts()
        whole.pairs()
    assert "\n" not in str(found.value)


def coco(root: Path, marks: list[dict[str, Any]], size: tuple[int, int] = (40, 50)) -> Path:
    """A set of one image with annotations, as COCO writes it."""
    (root / "annotations").mkdir(parents=True)
    (root / "val").mkdir()
    Image.fromarray(picture(size=size)).save(root / "val" / "a.png")
    told = {
        "categories": [{"id": 9, "name": "jet"}, {"id": 4, "name": "lobe"}],
        "images": [{"id": 7, "file_name": "a.png", "height": size[0], "width": size[1]}],
        "annotations": [{"id": n, "image_id": 7, "iscrowd": 0, **mark} for n, mark in enumerate(marks)],
    }
    (root / "annotations" / "val.json").write_text(json.dumps(told))
    return root


BOX = {"category_id": 4, "segmentation": [[2, 3, 22, 3, 22, 13, 2, 13]]}
INNER = {"category_id": 9, "segmentation": [[5, 5, 9, 5, 9, 9, 5, 9], [12, 5, 14, 5, 14, 7, 12, 7]]}


def test_the_smaller_annotation_lies_on_top_and_a_crowd_is_no_label(tmp_path: Path) -> None:
    crowd = {"category_id": 4, "iscrowd": 1, "segmentation": {"size": [40, 50], "counts": [1990, 10]}}
    found = pixel_labels.read_coco(coco(tmp_path / "set", [INNER, BOX, crowd]))
    assert found.label_names == ("background", "lobe", "jet") and found.items[0].split == "validation"
    cutout, mask = found.items[0].read(3)
    expected = np.zeros((40, 50), np.uint8)
    expected[3:13, 2:22] = 1
    expected[5:9, 5:9] = expected[5:7, 12:14] = 2
    expected[-10:, -1] = IGNORE
    assert np.array_equal(mask, expected[::-1]) and np.array_equal(cutout.pixels, picture()[::-1])


def test_run_lengths_are_those_of_pycocotools() -> None:
    # Texts of pycocotools 2.0.11: frPyObjects of a rectangle, encode of a diagonal and of a large block.
    box = np.zeros((9, 10), bool)
    box[2:6, 2:7] = True
    assert np.array_equal(run_lengths({"size": [9, 10], "counts": "d0450000000i0"}), box)
    assert np.array_equal(run_lengths({"size": [5, 5], "counts": b"0150000000"}), np.eye(5, dtype=bool))
    block = np.pad(np.ones((300, 200), bool), 50)
    text = "bbc0\\9T3" + "0" * 397 + "^_c0"
    assert np.array_equal(run_lengths({"size": [400, 300], "counts": text}), block)
    for wrong in (
        {"size": [5, 5], "counts": [3, 4]},
        {"size": [5, 5], "counts": "d"},
        {"size": [5, 5], "counts": "!!"},
    ):
        with pytest.raises(ValueError, match="run lengths"):
            run_lengths(wrong)


def test_polygons_are_filled_as_scikit_image_does() -> None:
    random = np.random.default_rng(3)
    for _ in range(5):
        angles = np.sort(random.uniform(0, 2 * np.pi, 9))
        points = np.stack([25 + 20 * np.cos(angles), 21 + 17 * np.sin(angles)], 1)
        theirs = polygon2mask((40, 50), points[:, ::-1] - 0.5)  # its pixels are centred on whole numbers
        assert np.array_equal(filled([points.ravel()], (40, 50)), theirs)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ({"segmentation": [[60, 60, 70, 60, 70, 70]]}, "annotation 0 reaches outside of its image of 50 × 40 pixels"),
        ({"segmentation": [[30, 30, 60, 30, 60, 38, 30, 38]]}, "annotation 0 reaches outside"),
        ({"segmentation": [[5.1, 5.1, 5.2, 5.1, 5.2, 5.2]]}, "annotation 0 is empty: it marks no pixel"),
        ({"segmentation": []}, "annotation 0 is empty"),
        ({"segmentation": [[1, 2, 3]]}, "annotation 0 is malformed"),
        ({"segmentation": {"size": [4, 4], "counts": [8, 8]}}, "annotation 0 has a mask of 4 × 4 pixels"),
        ({"segmentation": {"size": [40, 50], "counts": [8]}}, "annotation 0 is malformed"),
        ({"segmentation": "text"}, "annotation 0 is malformed"),
        ({"category_id": 5}, "annotation 0 is of the category 5, which is none"),
    ],
)
def test_what_is_wrong_with_an_annotation_is_one_sentence(tmp_path: Path, mark: dict[str, Any], said: str) -> None:
    found = pixel_labels.read_coco(coco(tmp_path / "set", [{**BOX, **mark}]))
    with pytest.raises(UnreadableItem, match=said) as error:
        found.pairs()
    assert str(error.value).startswith("a.png: ") and "\n" not in str(error.value)


def test_what_is_wrong_with_a_coco_file_is_one_sentence(tmp_path: Path) -> None:
    root = coco(tmp_path / "set", [BOX])
    with pytest.raises(DatasetError, match="No pixel of set is jet"):
        pixel_labels.read_coco(root).counts()
    file = root / "annotations" / "val.json"
    told = json.loads(file.read_text())
    for wrong, said in (
        ({**told, "images": [{**told["images"][0], "file_name": "../../a.png"}]}, "names a.png, which is not in"),
        ({"images": []}, "is no COCO file"),
        ([], "is no COCO file"),
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(DatasetError, match=said):
            pixel_labels.read_coco(root)
    with pytest.raises(DatasetError, match="has no annotations"):
        pixel_labels.read_coco(tmp_path)


def test_simulated_masks_hold_the_flux_that_is_there() -> None:
    found = pixel_labels.simulate(8, seed=3)
    assert found.counts().keys() == set(pixel_labels.CLASSES) and found.simulated
    for item in found.items:
        cutout, mask = item.read(5)
        assert item.fluxes is not None and cutout.beam is not None
        fluxes, rms = item.fluxes(), 130e-6
        area = cutout.beam.solid_angle / 1.0  # square arcsec a beam, and a pixel
        # What is measured in each mask is the truth within the noise of its pixels (correlated: one a beam).
        for number in (1, 2, 3):
            pixels = cutout.pixels[mask == number]
            error = rms * np.sqrt(max(pixels.size, area) / area) * 1.5
            crossed = "artefact" if (mask == 4).any() else ""
            if pixels.size and not crossed:
                assert pixels.sum() / area == pytest.approx(fluxes[pixel_labels.CLASSES[number]], abs=4 * error)
        assert abs(cutout.pixels[mask == 0]).max() < 9 * rms
    one, other = (pixel_labels.simulate(1, seed=seed).items[0].mask(5) for seed in (0, 1))
    assert not np.array_equal(one, other)
    with pytest.raises(DatasetError, match="at least one image"):
        pixel_labels.simulate(0)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs RadioGalaxyNET, see VLASS_EXPLORER_DATA")
def test_radiogalaxynet_is_read_whole() -> None:
    found = pixel_labels.read_coco(REAL)
    assert len(found) == 320 and found.label_names == ("background", "FR-II", "FR-I", "FR-X", "R")
    assert [sum(item.split == part for item in found.items) for part in ("train", "validation")] == [260, 60]
    first = next(item for item in found.items if item.name == "591534_4.png")
    cutout, mask = first.read(5)
    # Its one annotation is a compact source (R) around the middle, counted from the top: the pixels are bright there.
    assert mask.shape == cutout.pixels.shape == (450, 450) and set(np.unique(mask)) == {0, 4}
    assert cutout.pixels[mask == 4].mean() > 3 * cutout.pixels[mask == 0].mean()
    rows, columns = np.nonzero(mask[::-1])
    box = [213.5, 230.5, 211.5, 233.5]  # its own, to the last pixel inside
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == pytest.approx(box, abs=1)
    counts = found.counts()
    assert min(counts.values()) > 5_000 and sum(counts.values()) == 320 * 450**2
