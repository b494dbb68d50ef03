"""What other libraries do to our files, and what layouts in memory do to theirs: names, missing values and pixels hold.

Guards against behaviour of the installed versions that a good guess gets wrong; they span the modules that write.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import regions
import tiny_checkpoint
import torch
from astropy.table import Table
from astropy.wcs import WCS
from PIL import Image
from test_export import cutout, explanation, opened, provenance
from test_export_tables import ERROR, FULL, OTHER

from vlass_explorer import checkpoints, export, preprocess
from vlass_explorer.augment import geometry
from vlass_explorer.augment.draws import Draw
from vlass_explorer.datasets.items import array_cutout
from vlass_explorer.export import tables
from vlass_explorer.schema import Row, Window
from vlass_explorer.schema.rows import class_names, table_columns

NAMES = {  # class names as titles of maps, and what a region file can say of them
    "FR I, bent": "FR I, bent",
    "{core} lobe": "(core) lobe",
    "0042": "0042",
    "1e5": "1e5",
    "nan": "nan",
    "-excluded": "-excluded",
    'a "b" # c; d': 'a "b" # c, d',
    "!": "!",
    "||": "||",
    "global color=red": "global color=red",
}


def region_file(**changes: Any) -> str:
    """Two patches a map, one for and one against the label, one map a class name."""
    maps = np.zeros((len(NAMES), 4, 4))
    maps[:, 1, 2], maps[:, 3, 0] = -3.0, 1.0
    made = replace(explanation(maps, signed=True), titles=tuple(NAMES))
    return export.regions_bytes(made, cutout(**changes), provenance()).decode("ascii")


def test_class_names_and_signs_survive_in_region_files() -> None:
    """Commas, braces and leading zeros of a class name stay; what argues against a label is red, never excluded."""
    found = regions.Regions.parse(region_file(), format="ds9")
    assert [region.meta["tag"] for region in found] == [[name] for name in NAMES.values() for _ in range(2)]
    assert [region.meta["text"] for region in found] == ["1: -3", "2: 1"] * len(NAMES)
    assert [region.visual["edgecolor"] for region in found] == ["red", "cyan"] * len(NAMES)
    assert all(region.meta["include"] for region in found)


def test_patches_stay_in_place_from_ds9_to_crtf_and_back() -> None:
    """CRTF holds microdegrees in this library: within that, each patch covers the same pixels of the cutout."""
    source = cutout()
    window = preprocess.window(source, tiny_checkpoint.SPEC)
    found = regions.Regions.parse(region_file(), format="ds9")
    there = regions.Regions.parse(found.serialize(format="crtf", coordsys="icrs"), format="crtf")
    back = regions.Regions.parse(there.serialize(format="ds9"), format="ds9")
    assert len(found) == len(there) == len(back) == 2 * len(NAMES)
    step_y, step_x = window.shape[0] / 4, window.shape[1] / 4
    for region, tolerance in ((found[0], 1e-4), (there[0], 2e-3), (back[0], 2e-3)):
        pixels = region.to_pixel(source.wcs).vertices
        left, low = window.x0 + 2 * step_x - 0.5, window.y0 + step_y - 0.5
        np.testing.assert_allclose(pixels.x, [left, left + step_x, left + step_x, left], atol=tolerance)
        np.testing.assert_allclose(pixels.y, [low, low, low + step_y, low + step_y], atol=tolerance)


def test_patches_of_a_picture_stay_in_place_in_pixels() -> None:
    source = cutout(wcs=None, kind="image", unit="count", pixels=cutout().pixels.copy())
    window = preprocess.window(source, tiny_checkpoint.SPEC)
    given = {"wcs": None, "kind": "image", "unit": "count", "pixels": source.pixels}
    first = regions.Regions.parse(region_file(**given), format="ds9")[0]
    assert first.vertices.x[0] == pytest.approx(window.x0 + window.shape[1] / 2 - 0.5)
    assert first.vertices.y[0] == pytest.approx(window.y0 + window.shape[0] / 4 - 0.5)


def by_astropy(path: Path, target: Path) -> None:
    form = {"format": "votable"} if path.suffix == ".vot" else {}
    Table.read(path, **form).write(target, **form)


def by_pandas(path: Path, target: Path) -> None:
    pd.read_parquet(path).to_parquet(target)


def by_pandas_text(path: Path, target: Path) -> None:
    types = tables.pandas_types(table_columns(class_names(GAPS)))
    pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""]).to_csv(target, index=False)


# Through astropy a Parquet file keeps its texts and numbers; a missing truth becomes an object that it cannot write.
WHOLE = [FULL, replace(FULL, id="2", flux=None, rms=None, label=None, survey=None, vlass_epoch=None, notes=())]
GAPS = [FULL, ERROR, OTHER]
COPIES: dict[str, tuple[str, Callable[[Path, Path], None], list[Row]]] = {
    "parquet by astropy": (".parquet", by_astropy, WHOLE),
    "parquet by pandas": (".parquet", by_pandas, GAPS),
    "votable by astropy": (".vot", by_astropy, GAPS),
    "fits by astropy": (".fits", by_astropy, GAPS),
    "csv by pandas": (".csv", by_pandas_text, GAPS),
}


@pytest.mark.parametrize("copy", COPIES)
def test_missing_texts_and_fluxes_survive_a_copy_by_another_library(copy: str, tmp_path: Path) -> None:
    """Read by another library, written by it, read by ours: missing stays missing, -99 and "None" are never made."""
    suffix, through, rows = COPIES[copy]
    tables.write_rows(tmp_path / f"ours{suffix}", rows)
    through(tmp_path / f"ours{suffix}", tmp_path / f"theirs{suffix}")
    assert tables.read_rows(tmp_path / f"theirs{suffix}") == rows


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "reversed": lambda a: np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1],
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=-1), 3, axis=-2)[..., ::3, ::2],
    "big endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read only": lambda a: np.broadcast_to(a, (2, *a.shape))[1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_maps_of_any_layout_in_memory_are_written_as_they_are(layout: str, tmp_path: Path) -> None:
    maps = np.random.default_rng(4).normal(size=(2, 8, 8)).astype(np.float32)
    odd, plain = LAYOUTS[layout](maps), explanation(maps, signed=True)
    assert odd.strides != maps.strides or odd.dtype != maps.dtype or not odd.flags.writeable
    made, source = replace(plain, maps=odd), cutout()
    assert np.array_equal(opened(export.fits_bytes(made, source, provenance()))[0], maps)
    cube = [opened(export.cube_bytes([(one, provenance())], source))[0] for one in (made, plain)]
    assert np.array_equal(*cube, equal_nan=True)
    for picture in (export.png_bytes, lambda *given: export.sheet_bytes([(given[0], given[2])], given[1])):
        drawn = [np.asarray(Image.open(io.BytesIO(picture(one, source, provenance())))) for one in (made, plain)]
        assert np.array_equal(*drawn)
    assert export.regions_bytes(made, source, provenance()) == export.regions_bytes(plain, source, provenance())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cutouts_of_any_layout_in_memory_look_the_same_to_a_model(layout: str) -> None:
    pixels = cutout().pixels
    odd, plain = (array_cutout("x", given) for given in (LAYOUTS[layout](pixels), pixels))
    spec = replace(tiny_checkpoint.SPEC, survey=None)
    assert torch.equal(preprocess.to_tensor(odd, spec), preprocess.to_tensor(plain, spec))


def test_weights_of_any_layout_in_memory_are_saved_as_they_are(tmp_path: Path) -> None:
    """Transposed and strided: what safetensors would scramble or refuse."""
    model = tiny_checkpoint.build()
    expected = {key: value.half().float().clone() for key, value in model.state_dict().items()}
    block = model.blocks[0].attn.qkv
    block.weight = torch.nn.Parameter(block.weight.detach().t().contiguous().t())
    patches = model.patch_embed.proj.weight.detach()
    model.patch_embed.proj.weight = torch.nn.Parameter(patches.repeat_interleave(2, dim=2)[:, :, ::2])
    model.head.weight = torch.nn.Parameter(model.head.weight.detach().repeat_interleave(2, dim=1)[:, ::2])
    assert not any(part.weight.is_contiguous() for part in (block, model.patch_embed.proj, model.head))
    found = checkpoints.load(tiny_checkpoint.save(tmp_path / "odd", model)).state_dict()
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key].float(), value, rtol=0, atol=0)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0)])
@pytest.mark.parametrize("mirror", [(1, 1), (1, -1), (-1, 1)])
def test_one_pixel_without_data_stays_one_where_a_cutout_is_resampled(
    shift: tuple[float, float], mirror: tuple[int, int]
) -> None:
    """On a grid that falls on the old one, a NaN neither spreads nor vanishes, and all others keep their value."""
    pixels = torch.from_numpy(np.random.default_rng(6).normal(size=(1, 1, 31, 31)).astype(np.float32))
    pixels[..., 12, 17] = torch.nan
    draw = Draw(0.0, mirror, shift, 1.0, 0.0, 0.0, np.random.default_rng(0), 1.0)
    window = Window(5, 26, 5, 26)
    found = geometry.sample(pixels, window, [draw])
    assert int(torch.isnan(found).sum()) == 1
    y, x = (np.arange(5, 26) + int(step) for step in shift)
    expected = pixels[0, 0].numpy()[np.ix_(y, x)][:: mirror[0], :: mirror[1]]
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=2e-5)


def test_nothing_that_is_made_from_a_cutout_changes_it() -> None:
    """Pixels, beam and WCS of the original after preprocessing and every export, whatever beam the model wants."""
    source = cutout()
    pixels, sky = source.pixels.copy(), source.wcs.to_header(relax=True)
    spec = replace(tiny_checkpoint.SPEC, beam_arcsec=(9.0, 6.0))
    made = explanation(np.random.default_rng(1).normal(size=(1, 8, 8)), signed=True)
    preprocess.to_tensor(source, spec)
    for write in (export.fits_bytes, export.png_bytes, export.regions_bytes, export.manifest_json):
        write(made, source, provenance(spec))
    export.cube_bytes([(made, provenance(spec))], source)
    assert np.array_equal(source.pixels, pixels)
    assert source.beam == cutout().beam
    assert dict(source.wcs.to_header(relax=True)) == dict(sky)
    assert isinstance(source.wcs, WCS)
