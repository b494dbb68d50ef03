"""Files of a segmentation, read back by other programs: astropy and regions."""

from __future__ import annotations

import io

import numpy as np
import pytest
import regions
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from vlass_explorer import overlays, segmentation
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.datasets.items import array_cutout
from vlass_explorer.export import segmented, tables
from vlass_explorer.schema import IGNORE, Checkpoint, Cutout, InputSpec
from vlass_explorer.segmentation import Pieces, Segmentation


@pytest.fixture(scope="module")
def made() -> tuple[Cutout, Segmentation, Pieces]:
    """A simulated galaxy with its true mask, a hole cut into it, and a corner without labels."""
    cutout, mask = pixel_labels.simulate(12, seed=11).items[6].read(5)
    y, x = np.argwhere(mask == 2).mean(0).astype(int)
    mask[y - 6 : y + 7, x - 6 : x + 7] = 2
    mask[y - 1 : y + 2, x - 1 : x + 2] = 0
    mask[:3, :3] = IGNORE
    found = Segmentation(mask, np.full(mask.shape, 0.5, np.float32), pixel_labels.CLASSES, 1)
    return cutout, found, segmentation.find(cutout, found)


def test_outlines_hold_the_pixels_of_a_mask_and_no_others() -> None:
    mask = np.zeros((20, 22), bool)
    mask[:8, :9] = True
    mask[3:5, 4:6] = False
    mask[12:15, 12:22] = True
    found = segmented.outlines(mask)
    assert sorted(len(outline) for outline in found) == [1, 2]
    inside = np.zeros(mask.shape, int)
    y, x = np.mgrid[:20, :22]
    for outline in found:
        for is_hole, line in enumerate(outline):
            shape = regions.PolygonPixelRegion(regions.PixCoord(line[:, 0], line[:, 1]))
            inside += np.where(shape.contains(regions.PixCoord(x, y)), -1 if is_hole else 1, 0)
    assert np.array_equal(inside, mask.astype(int))


@pytest.mark.parametrize("crtf", [False, True])
def test_regions_are_read_by_other_programs_on_the_same_pixels(
    made: tuple[Cutout, Segmentation, Pieces], crtf: bool
) -> None:
    cutout, _, pieces = made
    content = segmented.regions_bytes(cutout, pieces, crtf=crtf)
    read = regions.Regions.parse(content.decode(), format="crtf" if crtf else "ds9").regions
    inside = np.zeros(cutout.shape, int)
    y, x = np.mgrid[: cutout.shape[0], : cutout.shape[1]]
    assert cutout.wcs is not None
    for region in read:
        own = regions.PolygonPixelRegion(region.to_pixel(cutout.wcs).vertices).contains(regions.PixCoord(x, y))
        inside += np.where(own, 1 if region.meta.get("include", True) else -1, 0)
    assert np.array_equal(inside > 0, pieces.numbers > 0)
    layer = overlays.place(overlays.read(content, "a.crtf" if crtf else "a.reg"), cutout)
    assert len(layer.shapes) == len(read) and any(shape.excluded for shape in layer.shapes)
    assert {shape.label for shape in layer.shapes if not shape.excluded} >= {
        f"{n} {k}" for n, k in pieces.labels.items()
    }


def test_a_cutout_without_coordinates_has_outlines_in_pixels() -> None:
    cutout = array_cutout("a", np.ones((12, 12)))
    labels = np.zeros((12, 12), np.uint8)
    labels[2:6, 3:9] = 1
    pieces = segmentation.find(cutout, Segmentation(labels, labels.astype(np.float32), ("sky", "a, {b}; 'c'"), 1))
    (read,) = regions.Regions.parse(segmented.regions_bytes(cutout, pieces).decode(), format="ds9").regions
    y, x = np.mgrid[:12, :12]
    assert np.array_equal(read.contains(regions.PixCoord(x, y)), labels == 1)
    assert b"\nimage\n" in segmented.regions_bytes(cutout, pieces)


def test_masks_lie_on_the_sky_as_the_cutout_does(made: tuple[Cutout, Segmentation, Pieces], tmp_path) -> None:  # type: ignore[no-untyped-def]
    cutout, found, pieces = made
    card = Checkpoint("pixels", tmp_path, "vt_fpn", "segmentation", found.label_names, InputSpec(), sha256="f" * 64)
    with fits.open(io.BytesIO(segmented.mask_bytes(cutout, found, pieces, card)), checksum=True) as file:
        file.verify("exception")
        first, numbers, scores = (hdu.header for hdu in file)
        assert np.array_equal(np.nan_to_num(file[0].data, nan=IGNORE), found.labels)
        assert np.array_equal(file["COMPONENTS"].data, pieces.numbers) and np.array_equal(
            file["SCORES"].data, found.scores
        )
        assert [first[f"CLASS{k}"] for k in range(5)] == list(pixel_labels.CLASSES) and first["CHECKPT"] == "pixels"
        for header in (first, numbers, scores):
            assert cutout.wcs is not None
            sky, own = (w.pixel_to_world_values(10.0, 90.0) for w in (WCS(header), cutout.wcs))
            assert np.allclose(sky, own, rtol=0, atol=1e-9)


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_tables_add_up_in_every_format(made: tuple[Cutout, Segmentation, Pieces], suffix: str) -> None:
    cutout, _, pieces = made
    measured = segmentation.fluxes(cutout, pieces)
    content = segmented.table_bytes(cutout, measured, suffix)
    if suffix == ".parquet":
        import pandas as pd

        frame = pd.read_parquet(io.BytesIO(content))
        names, flux, counts = list(frame["class"]), frame["flux"].to_numpy(), list(frame["counts"])
    else:
        kind = {".csv": "ascii.csv", ".vot": "votable", ".fits": "fits"}[suffix]
        table = Table.read(io.BytesIO(content), format=kind)
        names, flux = [str(n).strip() for n in table["class"]], np.asarray(table["flux"], float)
        counts = [str(value) in ("True", "1") for value in table["counts"]]
        assert suffix == ".csv" or (table["flux"].unit, table["ra"].unit) == ("Jy", "deg")
    assert names[-2:] == ["remainder", "total"] and names[:-2] == list(pieces.labels.values())
    inside = sum(value for value, count in zip(flux[:-1], counts[:-1], strict=True) if count)
    assert inside == pytest.approx(flux[-1], rel=1e-9)
