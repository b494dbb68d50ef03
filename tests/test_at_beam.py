"""Data sets at one beam: what a run sees is what prediction sees after matching; what cannot be matched is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from vlass_explorer import cutouts, datasets, match
from vlass_explorer.evaluation import parts
from vlass_explorer.evaluation.at_beam import at_beam
from vlass_explorer.learning import data
from vlass_explorer.schema import Checkpoint, ConfigError, InputSpec, Provenance, Reports, RunConfig, UnreadableItem

FIRST = InputSpec(beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sources of one and of two Gaussians, 2.5 arcsec wide in pixels of an arcsec; one file has no beam."""
    y, x = np.mgrid[:64, :64] - 31.5
    for number in range(12):
        kind = ("single", "double")[number % 2]
        apart = 6.0 + number if kind == "double" else 0.0
        image = sum(np.exp(-4 * np.log(2) * (y**2 + (x - at) ** 2) / 2.5**2) for at in (-apart, apart))
        header = fits.Header({"BUNIT": "Jy/beam", "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CUNIT1": "deg"})
        header.update({"CUNIT2": "deg", "CRPIX1": 32.5, "CRPIX2": 32.5, "CRVAL1": 10.0 + number, "CRVAL2": 5.0})
        header.update({"CDELT1": -1 / 3600, "CDELT2": 1 / 3600})
        if number != 11:
            header.update({"BMAJ": 2.5 / 3600, "BMIN": 2.5 / 3600, "BPA": 0.0})
        (tmp_path / kind).mkdir(exist_ok=True)
        noisy = image + np.random.default_rng(number).normal(0, 1e-3, image.shape)
        fits.writeto(tmp_path / kind / f"{number:02d}.fits", noisy.astype(np.float32), header)
    said = {"survey": "VLASS", "beam_arcsec": [2.5, 2.5], "pixel_scale_arcsec": 1.0, "unit": "Jy/beam"}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(said))
    return tmp_path


def test_cutouts_are_those_that_prediction_matches(folder: Path) -> None:
    plain = datasets.load("class_folders", folder)
    found = at_beam(plain, 5.4)
    assert (found.beam_arcsec, found.pixel_scale_arcsec, found.survey) == ((5.4, 5.4), pytest.approx(1.8), "VLASS")
    item = found.items[0]
    expected = match.to_training(cutouts.read(folder / item.name), FIRST)
    np.testing.assert_allclose(item.read().pixels, expected.pixels, atol=1e-7)
    assert item.key != plain.items[0].key and item.label == plain.items[0].label
    # Flux stays: the sum over the beam's solid angle, in pixels and beams of another size.
    before, after = ((cutouts.read(folder / item.name).pixels, 2.5 / 1.0), (item.read().pixels, 5.4 / 1.8))
    fluxes = [float(pixels.sum()) / (width**2) for pixels, width in (before, after)]
    assert fluxes[1] == pytest.approx(fluxes[0], rel=0.02)
    assert at_beam(plain, 0.0) is plain


def test_what_cannot_be_matched_is_named(folder: Path) -> None:
    with pytest.raises(UnreadableItem, match=r"double/11\.fits.*its beam is not known"):
        at_beam(datasets.load("class_folders", folder), 5.4).items[5].read()
    with pytest.raises(UnreadableItem, match="smoothing cannot sharpen"):
        at_beam(datasets.load("class_folders", folder), 2.0).items[0].read()
    masked = datasets.load("simulated_masks", None, count=4)
    with pytest.raises(ConfigError, match="one label an image"):
        at_beam(masked, 5.4)


def test_a_run_and_the_test_of_its_checkpoint_see_the_same_beam(folder: Path) -> None:
    config = RunConfig(data_dir=str(folder), split="random", match_beam=5.4, field_of_view=50.0, allow_unreadable=0.2)
    loaded = data.load(config, lambda: None)
    assert loaded.spec.beam_arcsec == (5.4, 5.4) and loaded.spec.field_of_view_pixels == round(50 / 1.8)
    assert [*loaded.unreadable] == ["double/11.fits"]
    known = Provenance.of(
        {"dataset": "class_folders", "split": "random", "fold": 0, "configuration": "match_beam: 5.4"}
    )
    path, names = Path("tiny"), loaded.label_names
    card = Checkpoint("tiny", path, "vlass_vision_cnn", "classification", names, loaded.spec, 1, Reports(), known)
    own = parts.config_of(card, data_dir=str(folder))
    assert own.match_beam == 5.4
    part = parts.select(card, replace(own, field_of_view=config.field_of_view))
    assert part.data_set.beam_arcsec == (5.4, 5.4)
    assert [part.data_set.items[i].name for i in part.images(card).indices] == list(loaded.validation.names)
