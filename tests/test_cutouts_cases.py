"""Inputs that practitioners' reports describe, through reader, command line, exports and page.

Each has a twin here under a header of its own; the files themselves are read where they lie beside the real data.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import point_source
import pytest
import tiny_checkpoint
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from cli_call import Run
from streamlit.testing.v1 import AppTest

from vlass_explorer import checkpoints, cutouts, datasets
from vlass_explorer.datasets import catalogue, splits
from vlass_explorer.datasets.items import Item
from vlass_explorer.evaluation import parts
from vlass_explorer.figures.frame import centre_text
from vlass_explorer.measure import measure
from vlass_explorer.schema import Cutout, DatasetError

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = {"r08", "r18", "r19", "r22"}  # zero-filled edges and training data, which have tests of their own
VLASS = "VLASS2.1.se.T13t36.J232400+073000.06.2048.v1.I.iter3.image.pbcor.tt0.subim.fits"
CASDA = "image.i.X.SB1.cont.taylor.{}.restored.conv.fits"
OTHER_SKY = ("r13.fits", "r14.fits")  # the source lies elsewhere
OUTSIDE = {
    CASDA.format(1): "tt1",
    f"meanMap.{CASDA.format(0)}": "background",
    f"noiseMap.{CASDA.format(0)}": "rms",
    "weights.i.X.SB1.cont.taylor.0.fits": "weights",
    "r10_a.fits": "tt1",
    "r10_b.fits": "alpha",
}
FRAMES = {"r12_J2000.fits": "J2000", "r12_GAPPT.fits": "GAPPT", "r12_galactic.fits": "galactic", "r12_fk5.fits": "fk5"}


def twins() -> dict[str, bytes]:
    """The cases by file name."""
    make, sky = point_source.file, point_source.sky()
    per_plane = {"BMAJ": None, "BMIN": None, "BPA": None, "CASAMBM": True}
    frequency = {"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0}
    stokes = {"CTYPE4": "STOKES", "CRVAL4": 1.0, "CDELT4": 0.0, "CRPIX4": 1.0}
    table = point_source.beams((5.4, 5.4, 0.0, 0, 0))
    pieces = ["s13_0", "VLASS2", "1", "se", "T10t01", "J000200-003000", "06", "2048", "v1", "I", "iter3"]
    filnam = {f"FILNAM{i:02d}": piece for i, piece in enumerate(pieces, 1)} | {"OBSERVER": "Dr. Vlass Scientist"}
    counts = (sky / 2e-6 + 1000).clip(0, 65535).astype(np.uint16)
    counts[:10] = 0
    tan = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6}
    dec_first = {"CTYPE1": "DEC--SIN", "CRVAL1": 12.4, "CDELT1": 5e-4, "CTYPE2": "RA---SIN", "CRVAL2": 20.0}
    return {
        "r01.fits": make(BUNIT="beam-1 Jy"),
        "r02.fits": make(sky[None, None], table, **per_plane, **frequency, **stokes),
        VLASS: make(sky[None, None], table, **per_plane, **frequency, **stokes),
        "r03.fits": make(sky[None, None], **frequency, **stokes),
        "r03_2d.fits": make(**frequency | {"CDELT3": 0.0}),
        "r04_name.fits": make(sky[None], **frequency | {"CTYPE3": "FREQ-OHEL", "CUNIT3": "HZ"}),
        "r04_unit.fits": make(sky[None], **frequency | {"CTYPE3": "VELO-HEL", "CUNIT3": "M/S", "CRVAL3": 1e5}),
        "r05.fits": make(np.stack([sky] * 3), **tan),
        "r07.fits": make(sky[None], SURVEY="FIRST", **frequency | {"CRVAL3": 1.4, "CDELT3": 0.01, "CUNIT3": "GHz"}),
        **{name: make() for name in OUTSIDE},
        "r10_a.fits": make(TYPE="image", **filnam, FILNAM12="image", FILNAM13="tt1"),
        "r10_b.fits": make(TYPE="alpha", BUNIT=" ", **filnam, FILNAM12="alpha"),
        **{name: make(RADESYS=frame) for name, frame in FRAMES.items()},
        "r13.fits": make(RADESYS="FK4", EQUINOX=1950.0, CRVAL1=187.06, CRVAL2=12.68),
        "r14.fits": make(sky.T, **dec_first, CDELT2=-5e-4),
        "r16.fits": make(counts, BLANK=-32768),
        "u01.fits": make(CTYPE1B="LINEAR", CD1_1B="n/a", CTYPE2B="LINEAR"),
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twins")
    for name, content in twins().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """The files that the scripts beside the real data write."""
    return made_by_scripts(tmp_path_factory.mktemp("cases"), data_dir, elsewhere=False)


@pytest.fixture(scope="module")
def reported_elsewhere(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """Those of zero-filled edges and of training data."""
    return made_by_scripts(tmp_path_factory.mktemp("elsewhere"), data_dir, elsewhere=True)


def made_by_scripts(folder: Path, data_dir: Path, *, elsewhere: bool) -> Path:
    scripts = sorted((data_dir.parent / "cases").glob("[ru][0-9][0-9].py"))
    if not scripts:
        pytest.skip(f"no cases beside {data_dir}")
    wanted = [str(path) for path in scripts if (path.stem in ELSEWHERE) == elsewhere]
    code = "import runpy, sys; sys.path.insert(0, sys.argv[1]); [runpy.run_path(path) for path in sys.argv[2:]]"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(scripts[0].parent), *wanted], cwd=folder, check=True
    )
    return folder


def check(name: str, cutout: Cutout) -> None:
    """What is right of a case, as the README beside the cases says."""
    notes = " ".join(cutout.notes)
    assert cutout.wcs is not None and cutout.pixel_scale is not None
    if name != "r14.fits":
        assert cutout.pixel_scale == pytest.approx((1.8, 1.8), rel=1e-3)
    assert cutout.beam is not None and not cutout.beam.assumed and cutout.beam.major == pytest.approx(5.4, rel=1e-4)
    assert cutout.origin.product == OUTSIDE.get(name, "total intensity")
    if name in OUTSIDE:
        return
    found = measure(cutout)
    if name != "r16.fits":  # counts that nothing scales
        assert cutout.unit == "Jy/beam" and 0.049 < (found.flux or 0.0) < 0.0505
    if name not in OTHER_SKY:
        place = cutout.wcs.pixel_to_world(found.peak_yx[1], found.peak_yx[0]).icrs
        assert place.separation(SkyCoord(*point_source.PEAK, unit="deg")).arcsec < 0.1
    if name == "r07.fits":
        assert cutout.origin.frequency_ghz == pytest.approx(1.4)
    if name.startswith("r04"):
        assert "The spectral axis" in notes and "is unusable" in notes
    if name.startswith("r12"):
        assert "The frame of the coordinates is given as" in notes and "taken as FK5" in notes
    if name == "r16.fits":
        assert np.isnan(cutout.pixels[:10]).all() and "10.0 % of the pixels hold no data" in notes
    text = centre_text(cutout) or ""
    if name == "r13.fits":
        peak = SkyCoord("12h30m45.4s", "+12d24m09.6s")
        assert cutout.wcs.pixel_to_world(56, 47).icrs.separation(peak).arcsec < 2.0
        assert text.startswith("12h30m46.2") and "ICRS" in text
    if name == "r14.fits":
        assert "mirrored" in notes and text.startswith("01h20m00.00s +12°24′00.0″")


def check_folder(folder: Path) -> int:
    paths = sorted(folder.glob("*.fits"))
    for path in paths:
        try:
            check(path.name, cutouts.read(path))
        except (AssertionError, KeyError) as error:
            raise AssertionError(f"{path.name}: {error}") from error
    return len(paths)


def test_the_twins_are_read_right(written: Path) -> None:
    assert check_folder(written) == len(twins())


def test_the_reported_cases_are_read_right(reported: Path) -> None:
    assert check_folder(reported) >= 20
    shown = cutouts.read(reported / "r17.tif").pixels
    y, x = np.unravel_index(int(shown.argmax()), shown.shape)
    assert (int(y), int(x)) == (47, 56)


@pytest.mark.parametrize("share", [10, 20, 25, 30])
def test_reported_edges_of_zeros_are_read_as_their_nan_twins(reported_elsewhere: Path, share: int) -> None:
    seen, twin = (cutouts.read(reported_elsewhere / f"r08_{fill}{share}.fits") for fill in ("zero", "nan"))
    np.testing.assert_array_equal(seen.pixels, twin.pixels)
    assert seen.noise == twin.noise and "of the field, at its edge, holds no data" in seen.notes[0]


def test_reported_training_sets_are_read_or_refused_by_name(reported_elsewhere: Path) -> None:
    for name in ("r18", "r18b"):
        with pytest.raises(DatasetError, match="The folder 'test' is a part of a data set, not a class"):
            datasets.load("class_folders", reported_elsewhere / name)
    assert datasets.load("class_folders", reported_elsewhere / "r19").counts == {"a": 4, "b": 4}
    card = checkpoints.find("first-cnn")
    part = parts.select(card, parts.config_of(card, data_dir=str(reported_elsewhere / "r22"), split="authors"), "")
    assert part.name == "test" and part.data_set.counts == dict.fromkeys(card.label_names, 4)


def test_predict_reads_each_case(run: Run, written: Path) -> None:
    code, out, err = run("predict", written, "--checkpoint", "tiny", "--json")
    records = {Path(record["file"]).name: record for record in map(json.loads, out.splitlines())}
    assert (code, err) == (0, "") and records.keys() == twins().keys()
    assert {name for name, record in records.items() if record["validity"] == "outside"} == OUTSIDE.keys()
    assert records["r07.fits"]["validity"] == "ok"
    assert all(len(record["notes"]) <= 5 for record in records.values())


@pytest.mark.parametrize("name", [*FRAMES, "r14.fits", "r13.fits", "r05.fits", "r03.fits"])
def test_exports_lie_right_in_any_frame_and_orientation(run: Run, written: Path, tmp_path: Path, name: str) -> None:
    method = "attention_rollout"
    code, _, err = run("explain", written / name, "--checkpoint", "tiny", "--method", method, "--out", tmp_path)
    assert (code, err) == (0, "")
    cutout = cutouts.read(written / name)
    y, x = measure(cutout).peak_yx
    here = cutout.wcs.pixel_to_world(x, y).icrs
    stem = Path(name).stem
    data, header = fits.getdata(tmp_path / f"{stem}.{method}.fits", header=True)
    mapped = WCS(header)
    native = np.array([x, y]) if data.shape == cutout.shape else None
    if native is None:  # the map's own pixels: LTM and LTV lead back to those of the cutout
        native = np.array([x + 1, y + 1]) * [header["LTM1_1"], header["LTM2_2"]] + [header["LTV1"], header["LTV2"]] - 1
    assert mapped.pixel_to_world(*native).icrs.separation(here).arcsec < 0.05
    lines = (tmp_path / f"{stem}.{method}.reg").read_text().splitlines()
    assert "icrs" in lines
    polygons = [line for line in lines if line.startswith("polygon")]
    assert polygons
    for line in polygons:  # each patch lies where the map has its value
        corners = np.array(line[8 : line.index(")")].split(","), float).reshape(-1, 2)
        value = float(line.split("text={")[1].split(":")[1].split("}")[0])
        columns, rows = mapped.world_to_pixel(SkyCoord(*corners.T, unit="deg"))
        assert data[round(float(rows.mean())), round(float(columns.mean()))] == pytest.approx(value, rel=0.01)
    record = json.loads((tmp_path / f"{stem}.{method}.json").read_text())
    assert record["cutout"]["notes"] == [*cutout.notes, *cutout.more_notes]


@pytest.mark.parametrize("name", [*FRAMES, "r13.fits"])
def test_positions_splits_and_catalogues_work_in_any_frame(run: Run, written: Path, tmp_path: Path, name: str) -> None:
    whole = cutouts.read(written / name)
    y, x = measure(whole).peak_yx
    place = whole.wcs.pixel_to_world(x, y).icrs
    at = f"{place.ra.deg:.6f},{place.dec.deg:.6f}"
    arguments = ("predict", written / name, "--checkpoint", "tiny", "--json", "--position", at, "--size", "90")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "") and "Cut from an image of 100" in out
    cut = cutouts.read(written / name, position=(place.ra.deg, place.dec.deg), size_arcsec=90.0)
    assert measure(cut).peak_yx == (25, 25)
    centre = whole.wcs.pixel_to_world(49.5, 49.5).icrs
    found = splits.position(Item(name="a", label=0, source=lambda: whole))
    assert found == pytest.approx((centre.ra.deg, centre.dec.deg), abs=1e-6)
    (tmp_path / name).write_bytes((written / name).read_bytes())
    (tmp_path / "catalogue.csv").write_text(f"ra,dec,label,name\n{at},FRI,a\n{at},FRII,b\n")
    loaded = catalogue.load(tmp_path)
    assert measure(loaded.items[0].source()).flux == pytest.approx(measure(whole).flux, rel=0.02)


def test_the_page_shows_mirrored_images_and_frames(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    shown = {"r14.fits": "mirrored", "r13.fits": "ICRS", "r12_GAPPT.fits": "taken as FK5", "r10_a.fits": "Taylor term"}
    for name, words in shown.items():
        page.file_uploader[0].upload(name, (written / name).read_bytes())
        page.run()
        assert not page.exception
        parts: list[Any] = [*page.subheader, *page.caption, *page.info, *page.warning, *page.error, *page.markdown]
        assert words in "\n".join(str(part.value) for part in parts)
