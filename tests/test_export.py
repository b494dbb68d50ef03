"""Exports: maps that lie right on the sky, pictures the right way up, manifests that say what was done, safe names."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reproject
from astropy.io import fits
from astropy.wcs import WCS, Sip
from tiny_checkpoint import LABELS, SPEC

from vlass_explorer import cutouts, export, preprocess
from vlass_explorer.schema import Checkpoint, Cutout, Explanation, InputError, InputSpec, Prediction, Validity

FILES = {
    "VLASS": "vlass/VLASS__3.1.ql.T08t01.J001357.17-091951.5.10.2048.v2.I.iter1.image.pbcor.tt0.subim_s2.0arcmin_.fits",
    "FIRST": "vlass/FIRST_J001357-091951.fits",
    "NVSS": "vlass/NVSS_J001357.2-091951.5.fits",
    "LoTSS": "lotss/P218+55-mosaic.fits",
}
CARD = Checkpoint("tiny", Path("tiny"), "vit_tiny_patch16_224", "classification", LABELS, SPEC, sha256="ab" * 32)


def wcs(rotation: float = 25.0, scale: float = 1.8) -> WCS:
    """A rotated SIN projection far from the equator."""
    turn = np.radians(rotation)
    sky = WCS(naxis=2)
    sky.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    sky.wcs.crval, sky.wcs.crpix = [200.0, 60.0], [31.25, 40.5]
    sky.wcs.cdelt = [-scale / 3600, scale / 3600]
    sky.wcs.pc = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return sky


def cutout(**changes: Any) -> Cutout:
    pixels = np.random.default_rng(0).normal(0, 1e-4, (80, 70)).astype(np.float32)
    pixels[44, 31] = 0.01
    given: dict[str, Any] = {"name": "a″b.fits", "pixels": pixels, "unit": "Jy/beam", "wcs": wcs(), "sha256": "cd" * 32}
    return Cutout(**(given | changes))


def explanation(maps: Any, *, signed: bool = False) -> Explanation:
    maps = np.asarray(maps, np.float32)
    return Explanation(
        maps, tuple(f"layer {i}" for i in range(len(maps))), signed, "where attention flowed", {"sum": 1}
    )


def provenance(spec: InputSpec = SPEC, **changes: Any) -> export.Provenance:
    scores = np.array([0.1, 0.7, 0.1, 0.1])
    prediction = Prediction(LABELS, np.log(scores), scores, Validity("caution", ("untested",)))
    card = replace(CARD, input_spec=spec)
    return export.Provenance(card, "attention_rollout", "FRII", {"discard_ratio": 0.5}, prediction, **changes)


def opened(content: bytes) -> tuple[np.ndarray, fits.Header]:
    with fits.open(io.BytesIO(content), checksum=True) as hdus:
        hdus.verify("exception")
        return hdus[0].data.astype(np.float32), hdus[0].header.copy()


def centroid(image: np.ndarray, near: tuple[int, int], radius: float) -> np.ndarray:
    """Brightness-weighted position (y, x) of the positive pixels in a disc."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = np.where((np.hypot(y - near[0], x - near[1]) <= radius) & (image > 0), image, 0.0)
    return np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()


def clicked_peak(source: Cutout, spec: InputSpec) -> tuple[tuple[int, int], np.ndarray]:
    """The brightest pixel (y, x) of the field of view, above 5 sigma, and the image with NaN outside that field."""
    window = preprocess.window(source, spec)
    y, x = np.mgrid[: source.shape[0], : source.shape[1]]
    within = (y >= window.y0) & (y < window.y1) & (x >= window.x0) & (x < window.x1)
    inside = np.where(within, source.pixels, np.nan)
    peak = np.unravel_index(np.nanargmax(inside), inside.shape)
    assert source.noise is not None
    assert inside[peak] > 5 * source.noise.rms
    return (int(peak[0]), int(peak[1])), inside


def back_on_native_pixels(source: Cutout, spec: InputSpec, order: str) -> np.ndarray:
    """Crop, resize and export what the model sees, then resample the file onto the grid of the cutout."""
    seen = preprocess.input_image(preprocess.to_tensor(source, spec), spec)
    data, header = opened(export.fits_bytes(explanation([seen]), source, provenance(spec)))
    assert data.shape == (spec.img_size, spec.img_size)
    back, _ = reproject.reproject_interp((data, WCS(header)), source.wcs, source.shape, order=order)
    return back


@pytest.mark.parametrize("order", ["bilinear", "bicubic"])
@pytest.mark.parametrize("img_size", [64, 96, 224])
@pytest.mark.parametrize("survey", FILES)
def test_a_clicked_peak_comes_back_within_half_a_native_pixel(
    data_dir: Path, survey: str, img_size: int, order: str
) -> None:
    source = cutouts.read(data_dir / "cutouts" / FILES[survey])
    spec = InputSpec(stretch="linear", img_size=img_size)
    peak, inside = clicked_peak(source, spec)
    back = back_on_native_pixels(source, spec, order)
    radius = max(4.0, 8.0 / source.pixel_scale[0])
    assert np.hypot(*(centroid(back, peak, radius) - centroid(inside, peak, radius))) < 0.5
    # The same peak alone, as a round source of two pixels: no neighbour blends into it.
    y, x = np.mgrid[: source.shape[0], : source.shape[1]]
    alone = np.exp(-((y - peak[0]) ** 2 + (x - peak[1]) ** 2) / 4.5).astype(np.float32)
    back = back_on_native_pixels(replace(source, pixels=alone), spec, order)
    assert np.hypot(*(centroid(back, peak, 12.0) - peak)) < 0.1


@pytest.mark.parametrize("survey", FILES)
def test_without_a_resize_the_export_is_the_cutout_itself(data_dir: Path, survey: str) -> None:
    source = cutouts.read(data_dir / "cutouts" / FILES[survey])
    window = preprocess.window(source, SPEC)
    crop = np.nan_to_num(preprocess.crop(source.pixels, window))
    data, header = opened(export.fits_bytes(explanation([crop]), source, provenance()))
    back, _ = reproject.reproject_interp((data, WCS(header)), source.wcs, source.shape)
    known = np.isfinite(back)
    assert known.sum() > 100
    np.testing.assert_allclose(back[known], np.nan_to_num(source.pixels)[known], atol=2e-5 * np.nanmax(source.pixels))


@pytest.mark.parametrize("grid", [(5, 9), (8, 8), (64, 64)])
@pytest.mark.parametrize("rotation", [0.0, 25.0, 90.0, 200.0])
def test_the_corners_of_the_map_are_the_corners_of_the_window(grid: tuple[int, int], rotation: float) -> None:
    source = cutout(wcs=wcs(rotation))
    window = preprocess.window(source, SPEC)
    data, header = opened(export.fits_bytes(explanation(np.zeros((1, *grid))), source, provenance()))
    assert data.shape == grid
    edges = np.array([[0, 0], [grid[1], 0], [0, grid[0]], [grid[1], grid[0]]]) - 0.5
    native = (
        np.array([[window.x0, window.y0], [window.x1, window.y0], [window.x0, window.y1], [window.x1, window.y1]]) - 0.5
    )
    found = WCS(header).wcs_pix2world(edges, 0)
    np.testing.assert_allclose(found, source.wcs.wcs_pix2world(native, 0), atol=1e-9)


def test_physical_coordinates_lead_back_to_the_pixels_of_a_picture() -> None:
    source = cutout(wcs=None, kind="image", unit="count", pixels=cutout().pixels.copy())
    window = preprocess.window(source, SPEC)
    _, header = opened(export.fits_bytes(explanation(np.zeros((1, 8, 4))), source, provenance()))
    assert "CTYPE1" not in header
    for axis, start, end, count in ((1, window.x0, window.x1, 4), (2, window.y0, window.y1, 8)):
        for native_edge, map_edge in ((start, 0), (end, count)):
            at = header[f"LTM{axis}_{axis}"] * (native_edge + 0.5) + header[f"LTV{axis}"]
            assert at == pytest.approx(map_edge + 0.5)


def test_distorted_coordinates_are_exported_on_native_pixels() -> None:
    sky = wcs()
    sky.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    bend = np.zeros((3, 3))
    bend[2, 0] = 2e-4
    sky.sip = Sip(bend, bend.T.copy(), None, None, sky.wcs.crpix)
    source = cutout(wcs=sky)
    window = preprocess.window(source, SPEC)
    maps = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    data, header = opened(export.fits_bytes(explanation(maps), source, provenance()))
    assert data.shape == window.shape
    assert header["MAPPIX"] == "native"
    shift = np.array([window.x0, window.y0])
    pixels = np.array([[10.0, 20.0], [60.0, 5.0], [33.0, 70.0]])
    there = WCS(header).all_pix2world(pixels, 0)
    np.testing.assert_allclose(there, sky.all_pix2world(pixels + shift, 0), atol=1e-9)
    straight = WCS(header).wcs_pix2world(pixels, 0)
    assert np.abs(straight - there).max() > 1e-5
    ny, nx = window.shape
    assert data[int(0.6 * ny), int(0.3 * nx)] == maps[0, int(0.6 * 8), int(0.3 * 8)]
    assert [data[0, 0], data[0, -1], data[-1, 0], data[-1, -1]] == [0, 7, 56, 63]
    with pytest.raises(InputError, match="export on native pixels"):
        export.fits_bytes(explanation(maps), source, provenance(), pixels="grid")


def test_panels_are_the_planes_of_a_cube_on_the_same_sky() -> None:
    maps = np.random.default_rng(1).random((3, 8, 8))
    data, header = opened(export.fits_bytes(explanation(maps), cutout(), provenance()))
    np.testing.assert_array_equal(data, maps.astype(np.float32))
    assert [header[f"PANEL{i}"] for i in (1, 2, 3)] == ["layer 0", "layer 1", "layer 2"]
    _, flat = opened(export.fits_bytes(explanation(maps[:1]), cutout(), provenance()))
    pixels = np.array([[0.0, 0.0], [7.0, 3.0]])
    np.testing.assert_allclose(
        WCS(header).celestial.wcs_pix2world(pixels, 0), WCS(flat).wcs_pix2world(pixels, 0), atol=1e-12
    )
    assert WCS(header).wcs_pix2world([[0.0, 0.0, 2.0]], 0)[0, 2] == pytest.approx(3.0)


def test_the_header_says_what_was_done() -> None:
    _, header = opened(export.fits_bytes(explanation(np.zeros((1, 8, 8))), cutout(), provenance()))
    assert header["METHOD"] == "attention_rollout"
    assert (header["CHECKPT"], header["CHKHASH"], header["SRCHASH"]) == ("tiny", "ab" * 32, "cd" * 32)
    assert (header["PREDICT"], header["VALIDITY"], header["TARGET"]) == ("FRII", "caution", "FRII")
    history = "\n".join(header["HISTORY"])
    assert "where attention flowed" in history
    assert "option discard_ratio = 0.5" in history
    assert header["OBJECT"] == "a arcsecb.fits"


def test_the_manifest_names_every_ingredient() -> None:
    maps = np.zeros((1, 8, 8))
    record = json.loads(export.manifest_json(explanation(maps), cutout(), provenance()))
    assert record["checkpoint"]["sha256"] == "ab" * 32
    assert record["cutout"]["sha256"] == "cd" * 32
    assert record["cutout"]["name"] == "a″b.fits"
    assert record["options"] == {"discard_ratio": 0.5}
    assert record["numbers"] == {"sum": 1}
    assert record["prediction"]["softmax_scores"]["FRII"] == 0.7
    assert record["prediction"]["reasons"] == ["untested"]
    window = preprocess.window(cutout(), SPEC)
    assert record["window"] == {"y0": window.y0, "y1": window.y1, "x0": window.x0, "x1": window.x1}
    assert {"vlass_explorer", "python", "torch", "timm", "captum", "astropy"} <= record["versions"].keys()


NAMES = [
    ("J0013.fits", "J0013"),
    ("VLASS1.1.ql.T01.fits.gz", "VLASS1.1.ql.T01"),
    ("a b.FITS", "a_b"),
    ("<img src=x onerror=alert(1)>.fits", "_img_src_x_onerror_alert_1_"),
    ("../../etc/passwd.png", "passwd"),
    (r"..\..\boot.png", "boot"),
    ("..", "cutout"),
    ("", "cutout"),
    (".fits", "cutout"),
    ("-rf.fits", "rf"),
    ("日本.fits", "_"),
    ("a\x00b\n.npy", "a_b_"),
    ("x" * 300 + ".png", "x" * 100),
    ("4C 34.47_II.fits", "4C_34.47_II"),
]


@pytest.mark.parametrize(("name", "stem"), NAMES)
def test_no_name_becomes_a_path(name: str, stem: str) -> None:
    assert export.safe_stem(name) == stem


def test_equal_stems_get_numbers() -> None:
    taken: set[str] = set()
    stems = [export.unique_stem(name, taken) for name in ("a.fits", "A.png", "b/a.fits", "a-2.npy")]
    assert stems == ["a", "A-2", "a-3", "a-2-2"]


def test_four_files_are_written(tmp_path: Path) -> None:
    paths = export.write(tmp_path / "out", "../../evil.fits", explanation(np.ones((1, 8, 8))), cutout(), provenance())
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "evil.attention_rollout.fits",
        "evil.attention_rollout.json",
        "evil.attention_rollout.png",
        "evil.attention_rollout.reg",
    ]
    assert {p.parent for p in paths} == {tmp_path / "out"}
    assert fits.getdata(paths[1]).shape == (8, 8)
