"""The simulator: seeded, physical (beam, noise, fluxes), written as VLASS writes, and labelled as simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from vlass_explorer import cutouts, datasets, measure, preprocess, validity
from vlass_explorer.datasets import simulated, sky_model, splits
from vlass_explorer.datasets.sky_model import Component
from vlass_explorer.schema import Beam, DatasetError, RunConfig

BEAM = Beam(3.0, 2.2, 40.0)


def test_a_cutout_follows_from_its_seed_and_index_alone() -> None:
    few, many = datasets.load("simulated", None, seed=5, count=4), datasets.load("simulated", None, seed=5, count=40)
    assert np.array_equal(few.items[3].read().pixels, many.items[3].read().pixels)
    assert few.items[3] == many.items[3]
    other = datasets.load("simulated", None, seed=6, count=4).items[3].read()
    assert not np.array_equal(other.pixels, few.items[3].read().pixels)


def test_each_cutout_has_a_hash_of_its_own() -> None:
    items = datasets.load("simulated", None, count=8).items[:12]
    hashes = [item.read().sha256 for item in items]
    assert len(set(hashes)) == 12 and all(len(digest) == 64 for digest in hashes)
    assert hashes[0] == items[0].read().sha256


def test_training_and_validation_are_apart_and_the_validation_set_is_fixed() -> None:
    one, other = (datasets.load("simulated", None, seed=seed, count=200) for seed in (0, 9))
    train, validation, _ = splits.split(one, "authors", 0)
    assert (len(train), len(validation)) == (200, 1000)
    assert [one.items[i] for i in validation] == [other.items[i] for i in splits.split(other, "authors", 0)[1]]
    names = {one.items[i].name for i in train}
    assert not names & {one.items[i].name for i in validation}
    assert one.label_names == ("Extended", "Point Source", "Double Lobes", "Three Points")
    assert len(set(one.counts.values())) == 1 and one.simulated
    with pytest.raises(DatasetError, match="kept for validation"):
        datasets.load("simulated", None, seed=simulated.VALIDATION_SEED)


def test_memory_and_file_are_the_same_cutout(tmp_path: Path) -> None:
    written = simulated.write(tmp_path / "set", 8, seed=3)
    assert written.label_names == simulated.LABEL_NAMES and written.counts == dict.fromkeys(simulated.LABEL_NAMES, 2)
    assert written.simulated and written.survey == "VLASS (simulated)"
    for index, item in enumerate(written.items):
        file, memory = item.read(), simulated.item(3, index).read()
        assert item.label == index % 4 and item.ra == pytest.approx(simulated.item(3, index).ra, abs=1e-5)
        assert np.array_equal(file.pixels, memory.pixels) and file.noise == memory.noise
        assert (file.origin, file.unit, file.row0, file.kind) == (memory.origin, memory.unit, memory.row0, memory.kind)
        assert (file.beam.major, file.beam.minor, file.beam.pa) == pytest.approx(
            (memory.beam.major, memory.beam.minor, memory.beam.pa)
        )
        places = [cutout.wcs.pixel_to_world(10.0, 150.0) for cutout in (file, memory)]
        assert places[0].separation(places[1]).arcsec < 1e-6
        spec = simulated.INPUT_SPEC
        assert np.array_equal(preprocess.to_tensor(file, spec), preprocess.to_tensor(memory, spec))
    assert datasets.input_spec(written, RunConfig()).simulated
    with pytest.raises(DatasetError, match="not an empty folder"):
        simulated.write(tmp_path / "set", 8)
    with pytest.raises(DatasetError, match="at least one cutout"):
        simulated.write(tmp_path / "none", 0)


def test_the_file_is_laid_out_as_vlass_lays_out_its_own(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "x.fits"
    simulated.write_fits(path, "Three Points", 1, 2)
    real = fits.getheader(next((data_dir / "cutouts" / "vlass").glob("VLASS*.fits")))
    with fits.open(path) as hdus:
        hdus.verify("exception")
        header, shape = hdus[0].header, hdus[0].data.shape
    assert shape == (1, 1, 181, 181) and header["NAXIS"] == real["NAXIS"] == 4
    for key in (
        "CTYPE1",
        "CTYPE2",
        "CTYPE3",
        "CTYPE4",
        "CUNIT1",
        "CUNIT3",
        "CRVAL3",
        "BUNIT",
        "BTYPE",
        "RADESYS",
        "EQUINOX",
        "BITPIX",
        "SPECSYS",
        "TELESCOP",
    ):
        assert header[key] == real[key], key
    assert header["CDELT1"] == pytest.approx(real["CDELT1"])
    assert WCS(header).naxis == 4


def test_the_file_says_that_it_is_simulated(tmp_path: Path) -> None:
    path = tmp_path / "anything.fits"
    simulated.write_fits(path, "Extended", 1, 2)
    header = fits.getheader(path)
    assert header["SIMULATE"] is True and "Simulated by VLASS Explorer" in str(header["HISTORY"])
    origin = cutouts.read(path).origin
    assert origin.simulated and origin.survey == "VLASS" and not origin.quick_look


def test_a_point_is_the_beam() -> None:
    """Second moments and flux of an observed point, measured on the image, with the position angle east of north."""
    image = sky_model.observe([Component(2.0, 4.0, -7.0)], BEAM, sky_model.FlatGrid((161, 161), 0.5))
    y, x = (np.indices(image.shape) - 80) * 0.5
    dx, dy = x - 4.0, y + 7.0
    weight = image / image.sum()
    assert image.max() == pytest.approx(2.0) and np.unravel_index(image.argmax(), image.shape) == (66, 88)
    east, north = -dx, dy
    angle = np.radians(40.0)
    along, across = east * np.sin(angle) + north * np.cos(angle), east * np.cos(angle) - north * np.sin(angle)
    assert np.sqrt((weight * along**2).sum()) * sky_model.FWHM == pytest.approx(3.0, rel=1e-3)
    assert np.sqrt((weight * across**2).sum()) * sky_model.FWHM == pytest.approx(2.2, rel=1e-3)
    assert image.sum() * 0.25 / BEAM.solid_angle == pytest.approx(2.0, rel=1e-3)


def test_a_resolved_source_keeps_its_flux_and_loses_peak() -> None:
    image = sky_model.observe([Component(5.0, 0.0, 0.0, 9.0, 5.0, BEAM.pa)], BEAM, sky_model.FlatGrid((181, 181), 1.0))
    seen = Beam(np.hypot(9.0, 3.0), np.hypot(5.0, 2.2))
    assert image.sum() / BEAM.solid_angle == pytest.approx(5.0, rel=1e-3)
    assert image.max() == pytest.approx(5.0 * BEAM.solid_angle / seen.solid_angle, rel=1e-3)


@pytest.mark.parametrize("label", simulated.LABEL_NAMES)
def test_essential_components_stand_out_of_quick_look_noise(label: str) -> None:
    for index in range(12):
        cutout = simulated.cutout(label, 2, index)
        assert 110e-6 < cutout.noise.rms < 155e-6
        assert cutout.pixels.max() > 5 * cutout.noise.rms
        assert 2.4 <= cutout.beam.major <= 3.1 and 2.1 <= cutout.beam.minor <= 2.4
        assert -40 <= simulated.item(2, index).dec <= 90
        assert validity.check(cutout, simulated.INPUT_SPEC).level in ("ok", "caution")


def test_noise_has_the_beam_in_it() -> None:
    pixels, _ = simulated.simulate("Point Source", 3, 4, size=400)
    quiet = pixels[250:, :]
    neighbour = np.corrcoef(quiet[:, :-1].ravel(), quiet[:, 1:].ravel())[0, 1]
    assert 0.65 < neighbour < 0.9  # a beam of 2.1 to 3.1 arcsec on pixels of 1 arcsec: exp(-ln 2 * 2 / FWHM^2)


def sizes(label: str) -> list[float]:
    """Largest angular size above 3 sigma in beams of simulated cutouts of a class."""
    found = []
    for index in range(30):
        cutout = simulated.cutout(label, 4, index)
        size = measure.measure(cutout).angular_size
        found.append((size or 0.0) / cutout.beam.major)
    return found


def test_classes_differ_in_size_as_their_names_say() -> None:
    assert np.median(sizes("Point Source")) < 3 < np.percentile(sizes("Double Lobes"), 10)
    assert np.percentile(sizes("Extended"), 10) > 2


def test_unknown_class_is_named() -> None:
    with pytest.raises(DatasetError, match="Unknown class 'Spiral'; the simulator knows Extended"):
        simulated.simulate("Spiral")


def test_bundled_examples_are_what_the_simulator_makes(repo_root: Path) -> None:
    folder = repo_root / "examples"
    files = sorted(folder.glob("*.fits"))
    assert len(files) == 8 and sum(path.stat().st_size for path in folder.iterdir()) < 3e6
    labels = []
    for path in files:
        cutout = cutouts.read(path)
        label, seed, index = (cutout.header[key] for key in ("SIMLABEL", "SIMSEED", "SIMINDEX"))
        pixels, _ = simulated.simulate(label, seed, index)
        assert np.allclose(cutout.pixels, pixels, atol=1e-9, rtol=1e-5)
        assert cutout.origin.simulated and validity.check(cutout, simulated.INPUT_SPEC).level == "ok"
        labels.append(label)
    assert sorted(labels) == sorted(simulated.LABEL_NAMES * 2)
    pictures = [cutouts.read(path) for path in sorted(folder.glob("*.png"))]
    assert len(pictures) == 2 and all(picture.kind == "image" for picture in pictures)
