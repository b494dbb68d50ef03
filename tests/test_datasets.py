"""Shelf of data sets: folders and tables are read as documented, and what is wrong is said in one sentence."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from vlass_explorer import datasets, preprocess
from vlass_explorer.datasets import class_folders
from vlass_explorer.schema import DatasetError, InputSpec, RunConfig


def png(path: Path, value: int = 200) -> Path:
    """A 20 x 20 picture, brightest in its first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(value).integers(1, 50, (20, 20)).astype(np.uint8)
    pixels[0, ::2] = value
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes as sub-folders, and things beside them that are no images."""
    for label, count in (("point", 3), ("double", 2)):
        for number in range(count):
            png(tmp_path / label / f"{number}.png")
    (tmp_path / "point" / "notes.txt").write_text("no image")
    png(tmp_path / ".hidden" / "x.png")
    return tmp_path


def table(root: Path, text: str) -> Path:
    for number in range(6):
        png(root / "images" / f"{number}.png")
    (root / "labels.csv").write_text(text)
    return root


def test_class_folders(folder: Path) -> None:
    found = datasets.load("class_folders", folder)
    assert found.label_names == ("double", "point")
    assert found.counts == {"double": 2, "point": 3}
    assert [item.name for item in found.items] == sorted(item.name for item in found.items)
    assert [found.label_names[item.label] for item in found.items] == [item.name.split("/")[0] for item in found.items]
    assert found.items[0].ra is None and found.items[0].fold is None


def test_labels_csv_with_positions_and_folds(tmp_path: Path) -> None:
    rows = [f" images/{n}.png , {'ab'[n % 2]}, {n}.5, -{n}, {n % 3}" for n in range(6)]
    found = datasets.load("class_folders", table(tmp_path, "\n".join(["Path,label,RA_deg,dec_deg,fold", *rows])))
    assert [(i.name, i.label, i.ra, i.dec, i.fold) for i in found.items] == [
        (f"images/{n}.png", n % 2, n + 0.5, -n, n % 3) for n in range(6)
    ]


def test_rows_of_pictures_are_flipped_unless_the_set_declares_them_south_up(folder: Path) -> None:
    assert (datasets.load("class_folders", folder).items[0].read().pixels[-1, ::2] == 200).all()
    (folder / "dataset.yaml").write_text("row0: south\nsurvey: TEST\npixel_scale_arcsec: 1.5\n")
    cutout = datasets.load("class_folders", folder).items[0].read()
    assert (cutout.pixels[0, ::2] == 200).all() and cutout.row0 == "south"
    assert preprocess.window(cutout, InputSpec(field_of_view=15.0)).shape == (10, 10)


def test_dataset_yaml_says_what_images_cannot(folder: Path) -> None:
    (folder / "dataset.yaml").write_text(
        "title: Mine\nlabel_names: [point, double]\nsurvey: FIRST\nfrequency_ghz: 1.4\nbeam_arcsec: [6.4, 5.4]\n"
        "pixel_scale_arcsec: 1.8\nunit: Jy/beam\nlicence: mine\n"
    )
    found = datasets.load("class_folders", folder)
    assert found.label_names == ("point", "double") and found.counts == {"point": 3, "double": 2}
    spec = datasets.input_spec(found, RunConfig(field_of_view=90.0, img_size=48), mean=(0.2,), std=(0.5,))
    assert (spec.survey, spec.frequency_ghz, spec.beam_arcsec, spec.pixel_scale_arcsec) == (
        "FIRST",
        1.4,
        (6.4, 5.4),
        1.8,
    )
    assert (spec.field_of_view, spec.field_of_view_pixels, spec.img_size, spec.mean) == (90.0, 50, 48, (0.2,))
    assert not spec.simulated


def test_facts_left_out_come_from_the_first_cutout(data_dir: Path, tmp_path: Path) -> None:
    source = next((data_dir / "cutouts" / "vlass").glob("VLASS*.fits"))
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / source.name).write_bytes(source.read_bytes())
    found = datasets.load("class_folders", tmp_path)
    assert (found.survey, found.frequency_ghz, found.unit) == ("VLASS", 3.0, "Jy/beam")
    assert found.pixel_scale_arcsec == pytest.approx(1.0) and found.beam_arcsec == pytest.approx(
        (2.995, 2.217), abs=1e-3
    )


def test_count_is_a_seeded_choice(folder: Path) -> None:
    one, same, other = (
        [item.name for item in datasets.load("class_folders", folder, seed=seed, count=3).items] for seed in (1, 1, 4)
    )
    assert len(one) == 3 and one == same == sorted(one) and one != other


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file,label\nimages/0.png,a\n", "needs the columns path and label; it has file, label"),
        ("", "needs the columns path and label; it has none"),
        ("path,label\n", "holds no labelled images"),
        ("path,label\nimages/0.png,\n", "an empty label (1) may stand for no label"),
        ("path,label\nimages/0.png\n", "an empty label (1) may stand for no label"),
        ("path,label\n,a\n", "line 2 has no path"),
        ("path,label\nimages/9.png,a\nimages/0.png,b\n", "1 of 2 files are missing or empty: images/9.png"),
        ("path,label\nimages/0.png,a\nimages/./0.png,b\n", "listed twice"),
        ("path,label\n../outside.png,a\n", "'../outside.png' in labels.csv lies outside"),
        ("path,label\nimages/../images/0.png,a\n", "lies outside"),
        ("path,label\n/etc/passwd,a\n", "'/etc/passwd' in labels.csv lies outside"),
        ("path,label\nlink.png,a\n", "'link.png' in labels.csv lies outside"),
        ("path,label,fold\nimages/0.png,a,one\n", "fold is 'one'"),
        ("path,label,split\nimages/0.png,a,eval\n", "split is 'eval'"),
        ("path,label,ra,dec\nimages/0.png,a,12:30:00,5\n", "ra is '12:30:00', not decimal degrees"),
        ("path,label,ra,dec\nimages/0.png,a,12,95\n", "dec is '95'"),
        ("path,label,ra,dec\nimages/0.png,a,nan,5\n", "ra is 'nan'"),
        ('path,label\n"images/0.png,a\n', "is not a CSV table"),
        (f"path,label\n{'x' * 5000},a\n", "is no path of a file: File name too long"),
        (f"path,label,fold\nimages/0.png,a,{'9' * 5000}\n", "not 0, 1, 2, ..."),
    ],
)
def test_a_bad_table_is_refused_with_its_reason(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link.png").symlink_to(png(tmp_path / "outside.png"))
    with pytest.raises(DatasetError) as error:
        datasets.load("class_folders", table(tmp_path / "set", text))
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("survay: FIRST\n", "has survay; known keys are title"),
        ("- a\n- b\n", "has no keys"),
        ("a: [1\n", "is not YAML"),
        ("row0: up\n", "row0 is south or north, not 'up'"),
        ("beam_arcsec: 5.4\n", "beam_arcsec is a list of two"),
        ("frequency_ghz: -1\n", "-1 is not a positive number"),
        ("pixel_scale_arcsec: wide\n", "'wide' is not a positive number"),
        ("label_names: point\n", "label_names is a list"),
        ("label_names: [point]\n", "Labels double are not among point"),
        ("2: a\nsurvay: b\ntrue: c\n", "has 2, True, survay; known keys are title"),
        ("pixel_scale_arcsec: .inf\n", "inf is not a positive number"),
        ("title: 2024-99-99\n", "is not YAML"),
        ("survey: [FIRST]\n", "survey is a text, not ['FIRST']"),
        ("simulated: perhaps\n", "simulated is true or false, not 'perhaps'"),
        ("title: !!python/object/apply:os.getcwd []\n", "is not YAML"),
    ],
)
def test_a_bad_dataset_yaml_is_refused_with_its_reason(text: str, reason: str, folder: Path) -> None:
    (folder / "dataset.yaml").write_text(text)
    with pytest.raises(DatasetError) as error:
        datasets.load("class_folders", folder)
    assert reason in str(error.value)


def test_folders_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no labelled images"):
        datasets.load("class_folders", tmp_path)
    with pytest.raises(DatasetError, match="is not a folder"):
        datasets.load("class_folders", tmp_path / "absent")
    with pytest.raises(DatasetError, match="needs a folder"):
        datasets.load("class_folders", None)
    with pytest.raises(DatasetError, match="Unknown data set 'imagenet'; known are .*catalogue, .*class_folders"):
        datasets.load("imagenet", tmp_path)


def test_files_that_cannot_be_read_are_all_named(folder: Path) -> None:
    (folder / "point" / "0.png").write_bytes(b"not a picture")
    (folder / "double" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = datasets.load("class_folders", folder)
    with pytest.raises(DatasetError, match=r"^2 files cannot be read: double/1\.png: .*; point/0\.png: "):
        found.read()
    assert len(found.read([0])) == 1


def test_items_can_be_sent_to_loader_processes(folder: Path) -> None:
    item = pickle.loads(pickle.dumps(datasets.load("class_folders", folder).items[1]))
    assert item.read().shape == (20, 20)


def test_fits_in_all_spellings_are_found(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    for label in "ab":
        (tmp_path / label).mkdir()
        for name in ("x.fits", "y.fits.gz", "z.fits"):
            fits.PrimaryHDU(image).writeto(tmp_path / label / name)
        (tmp_path / label / "z.fits").rename(tmp_path / label / "Z.FITS")
    found = datasets.load("class_folders", tmp_path)
    assert found.counts == {"a": 3, "b": 3}
    assert all(np.array_equal(cutout.pixels, image) for cutout in found.read())


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_every_file_of_the_shelf_keeps_the_contract(name: str, tmp_path: Path) -> None:
    module = datasets.DATASETS[name]
    assert (module.__doc__ or "").strip().endswith(".") and module.TITLE
    assert module.LABEL_NAMES is None or len(set(module.LABEL_NAMES)) == len(module.LABEL_NAMES) > 1
    assert set(module.load.__kwdefaults__) == {"seed", "count"}
    if not datasets.is_made(name):
        assert not getattr(module, "matches", lambda root: False)(tmp_path)
        with pytest.raises(DatasetError):
            module.load(tmp_path)


def test_the_shelf_is_what_lies_in_the_folder(repo_root: Path) -> None:
    files = {path.stem for path in (repo_root / "vlass_explorer" / "datasets").glob("*.py")}
    assert set(datasets.DATASETS) <= files
    assert {"class_folders", "first_radio_galaxies", "simulated"} <= set(datasets.DATASETS)
    assert not {"items", "splits", "sky_model"} & set(datasets.DATASETS)


def test_the_first_set_is_recognised_and_described(data_dir: Path) -> None:
    root = data_dir / "first-radio-galaxies"
    assert datasets.recognise(root) == "first_radio_galaxies"
    found = datasets.load("class_folders", root)
    assert found.counts == {"Bent": 248, "Compact": 291, "FRI": 395, "FRII": 824}
    assert (found.survey, found.row0, found.pixel_scale_arcsec) == ("FIRST", "south", 1.8)
    assert "non-commercial" in found.licence and "Griese" in found.citation
    cutout = found.items[700].read()
    stored = np.asarray(Image.open(root / found.items[700].name).convert("L"))
    assert np.array_equal(cutout.pixels, stored) and cutout.row0 == "south"  # as stored: the first row is the south
    assert cutout.noise is None


def test_other_folders_are_not_taken_for_the_first_set(folder: Path, tmp_path: Path) -> None:
    assert datasets.recognise(folder) == "class_folders"
    other = tmp_path / "own"
    for name in ("FRI/1.500_2.500_0_Own.png", "FRII/1.600_2.500_1_Own.png"):
        png(other / name)
    assert datasets.recognise(other) == "first_radio_galaxies"
    (other / "dataset.yaml").write_text("survey: OTHER\n")
    assert datasets.recognise(other) == "class_folders"
    assert class_folders.load(other).survey == "OTHER"
