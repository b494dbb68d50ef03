"""Positions as people write them, names, and tables of every format; nonsense is told row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from astropy import units as u
from astropy.io import fits, votable
from astropy.table import Table
from cli_call import Run
from replay_server import Replay, asking, serving
from replay_sky import Tile

from vlass_explorer import archives
from vlass_explorer.archives import allowed, store, targets
from vlass_explorer.cli import main
from vlass_explorer.export import tables
from vlass_explorer.schema import ArchiveError, Found, Target
from vlass_explorer.schema.found import found_columns

M87 = (187.70593, 12.39112)


@pytest.fixture(scope="module")
def sky() -> Iterator[Replay]:
    with serving(Replay([Tile("2.1", "T09t01", 3.3, -9.3)], ((3.3, -9.3),))) as replay:
        yield replay


@pytest.fixture
def client(sky: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archives.Client:
    return asking(sky, tmp_path / "cache", monkeypatch)


@pytest.mark.parametrize(
    "text",
    [
        "187.70593 12.39112",
        "187.70593,+12.39112",
        "12:30:49.423 +12:23:28.03",
        "12h30m49.423s +12d23m28.03s",
        "12 30 49.423 12 23 28.03",
        "12:30:49.423, 12°23′28.03″",
    ],
)
def test_degrees_and_sexagesimal(text: str) -> None:
    assert targets.position(text) == pytest.approx(M87, abs=2e-5)


def test_south_stays_south_and_ra_below_zero_comes_round() -> None:
    assert targets.position("00:13:03.4 -00:30:00") == pytest.approx((3.2641667, -0.5))
    assert targets.position("-10 5") == (350.0, 5.0)


@pytest.mark.parametrize("text", ["10 95", "400 10", "nan 10", "12:61:10 +10:00:00", "25:00:00 +10:00:00"])
def test_what_is_nowhere_on_the_sky_is_told(client: archives.Client, text: str) -> None:
    (target,) = archives.given([text], client)
    assert target.ra is None and target.error.endswith(".") and len(target.error) < 120


def test_a_name_is_asked_once_and_an_unknown_one_told(client: archives.Client, sky: Replay) -> None:
    found = archives.given(["M87", "m87", "nobody", "  "], client)
    assert [target.id for target in found] == ["M87", "m87", "nobody", "  "]
    assert found[0].position == pytest.approx(M87)
    assert found[2].error == "No catalogue of Sesame knows the name nobody."
    assert found[3].error == "This is neither a position nor a name of a source."
    asked = sky.counts.total()
    archives.given(["M87"], client)
    assert sky.counts.total() == asked


def test_names_offline_and_switched_off(client: archives.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(allowed.SETTING, "sesame=http://127.0.0.1:9")
    assert archives.given(["M1"], client)[0].error == "sesame cannot be reached: is this machine offline."
    monkeypatch.setenv(allowed.SETTING, "off")
    assert archives.given(["M1"], client)[0].error == "Asking sesame is switched off here (VLASS_EXPLORER_ARCHIVES)."


def test_identifiers_are_unique(client: archives.Client) -> None:
    assert [target.id for target in archives.given(["1 2", "1 2", "1 2"], client)] == ["1 2", "1 2#2", "1 2#3"]


FORMS = ("csv", "tsv", "vot", "fits", "parquet")


def write(path: Path) -> Path:
    """Two sources, one of them without a position, in columns whose names say nothing but for their UCDs."""
    table = Table({"Source": ["a", "b"], "label": ["FRI", "FRII"], "x": [187.70593, np.nan], "y": [12.39112, 5.0]})
    if path.suffix in (".csv", ".tsv"):
        delimiter = "\t" if path.suffix == ".tsv" else ","
        rows = [("Source", "label", "RAJ2000", "DEJ2000"), ("a", "FRI", *M87), ("b", "FRII", "", "5")]
        path.write_text("\n".join(delimiter.join(map(str, row)) for row in rows))
    elif path.suffix == ".vot":
        file = votable.from_table(table)
        for name, ucd in (("x", "pos.eq.ra;meta.main"), ("y", "pos.eq.dec;meta.main")):
            file.get_first_table().get_field_by_id(name).ucd = ucd
        file.to_xml(str(path))
    elif path.suffix == ".fits":
        table.write(path)
        fits.setval(path, "TUCD3", value="pos.eq.ra;meta.main", ext=1)
        fits.setval(path, "TUCD4", value="pos.eq.dec;meta.main", ext=1)
    else:
        fields = [pa.field("Source", pa.string()), pa.field("label", pa.string())]
        fields += [pa.field(n, pa.float64(), metadata={"ucd": f"pos.eq.{c}"}) for n, c in (("x", "ra"), ("y", "dec"))]
        columns = [["a", None], ["FRI", "FRII"], [M87[0], None], [M87[1], 5.0]]
        parquet.write_table(pa.table(columns, schema=pa.schema(fields)), path)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_tables_of_each_format(client: archives.Client, tmp_path: Path, form: str) -> None:
    first, second = archives.given([str(write(tmp_path / f"t.{form}"))], client)
    assert (first.id, first.label) == ("a", "FRI") and first.position == pytest.approx(M87)
    assert second.ra is None and second.label == "FRII" and second.error
    assert second.id == ("t.parquet:2" if form == "parquet" else "b")


def test_units_hours_and_words_said(client: archives.Client, tmp_path: Path) -> None:
    path = tmp_path / "h.fits"
    ra, dec = ("ra", "h", 12.513728), ("dec", "rad", 0.2162658)
    columns = [fits.Column(name, "D", unit=unit, array=[value]) for name, unit, value in (ra, dec)]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    assert archives.given([str(path)], client)[0].position == pytest.approx(M87, abs=2e-4)
    text = tmp_path / "s.csv"
    text.write_text("id,ra,dec\nx,12:30:49.423,+12:23:28.03\n")
    assert archives.given([str(text)], client)[0].position == pytest.approx(M87, abs=2e-5)
    spread = tmp_path / "w.csv"
    spread.write_text("ra,dec\n" + "".join(f"{2 * n},{n}\n" for n in range(12)))
    with pytest.raises(ArchiveError, match="--ra-unit hour or deg"):
        archives.given([str(spread)], client)
    assert archives.given([str(spread)], client, archives.Columns(ra_unit="hour"))[3].position == (90.0, 3.0)
    assert archives.given([str(spread)], client, archives.Columns(ra_unit="deg"))[3].position == (6.0, 3.0)


def test_tables_that_are_none(client: archives.Client, tmp_path: Path) -> None:
    plain = tmp_path / "a.csv"
    plain.write_text("flux,size\n1,2\n")
    image = tmp_path / "i.fits"
    image.write_bytes(Tile("2.1", "T1", 3.3, -9.3).cut(3.3, -9.3, 0.005) or b"")
    broken = tmp_path / "b.parquet"
    broken.write_bytes(b"PAR1 no")
    for path, words in (
        (plain, "has no columns of right ascension and declination among flux, size"),
        (image, "is an image, not a table"),
        (broken, "cannot be read as a table"),
        (tmp_path / "absent.csv", "There is no file"),
    ):
        with pytest.raises(ArchiveError, match=words):
            archives.given([str(path)], client)
    with pytest.raises(ArchiveError, match="has no column nowhere; it has flux, size"):
        archives.given([str(plain)], client, archives.Columns(ra="nowhere"))
    names = tmp_path / "n.csv"
    names.write_text("star\nM87\nnobody\n")
    found = archives.given([str(names)], client, archives.Columns(name="star"))
    assert found[0].position == pytest.approx(M87) and found[1].error


def test_a_large_table_with_nonsense_keeps_its_order(client: archives.Client, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 100_000), rng.uniform(-40, 90, 100_000)
    bad = rng.choice(100_000, 3000, replace=False)
    path = tmp_path / "large.csv"
    with path.open("w") as stream:
        stream.write("name,ra,dec\n")
        words = {int(place): ("", "-", "1e400", "abc", "-999")[n % 5] for n, place in enumerate(bad)}
        stream.writelines(f"s{n},{words.get(n, ra[n])},{dec[n]}\n" for n in range(100_000))
    found = archives.given([str(path)], client)
    assert [target.id for target in found] == [f"s{n}" for n in range(100_000)]
    assert {n for n, target in enumerate(found) if target.error} == set(map(int, bad))
    assert found[5].position == pytest.approx((ra[5], dec[5]))


def test_a_row_is_the_same_in_every_format(tmp_path: Path) -> None:
    rows = [
        Found("a", 1.0, -2.0, "found", None, "VLASS", covered=1.0, bytes=5, notes=("Positions off by 1″.", "b")),
        Found("b", error="There is no such name."),
    ]
    assert rows[0].notes == ("Positions off by 1 arcsec.", "b") and rows[1].failed and not rows[0].failed
    assert Found.of(json.loads(json.dumps(rows[0].values()))) == rows[0]
    for suffix in tables.FORMATS:
        tables.write_found(tmp_path / f"t{suffix}", rows)
    with (tmp_path / "t.csv").open() as stream:
        cells = list(csv.DictReader(stream))
    assert list(cells[0]) == [column.name for column in found_columns()]
    assert cells[0]["notes"] == "Positions off by 1 arcsec. | b" and cells[1]["error"] == "There is no such name."
    table = Table.read(tmp_path / "t.vot")
    assert table["ra"].unit == u.deg and table["ra"][0] == 1.0 and bool(table["ra"].mask[1])
    with pytest.raises(ValueError, match="no verdict"):
        Found("a", verdict="lost")
    with pytest.raises(ValueError, match="no position"):
        _ = Target("a").position


def test_the_command_line(
    client: archives.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: Run,
) -> None:
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "c"))
    out = tmp_path / "out"
    common = ["--size", "30arcsec", "--out", str(out), "--table", ".csv"]
    assert main(["cutouts", "3.3 -9.3", "nobody", *common]) == 2
    captured = capsys.readouterr()
    assert "1 found" in captured.out and "nobody: No catalogue of Sesame knows the name nobody." in captured.err
    with (out / "catalogue.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["verdict"] for row in rows] == ["found", ""] and (out / rows[0]["file"]).is_file()
    assert json.loads((out / "manifest.json").read_text())["verdicts"] == {"found": 1, "error": 1}
    code, told, _ = run("predict", out / "cutouts", "--checkpoint", "tiny", "--json", "--survey-noise")
    assert code == 0 and json.loads(told)["notes"][0].startswith(
        "Noise from the survey's rms image around the source: 200"
    )
    code, _, refused = run("predict", next((out / "rms").iterdir()), "--checkpoint", "tiny", "--survey-noise")
    assert code == 2 and "There is no noise image of the survey beside this file" in refused
    assert main(["cutouts", "3.3 -9.3", "200 -50", *common]) == 0  # outside is an answer
    capsys.readouterr()
    assert main(["cutouts", "3.3 -9.3", "--survey", "vlas", *common]) == 2
    assert "nearest name is 'vlass'" in capsys.readouterr().err.lower()
    lobes = tmp_path / "lobes.csv"
    lobes.write_text("name,ra,dec,S\na,3.3,-9.3055556,20\nb,3.3,-9.2944444,30\n")
    assert main(["cutouts", str(lobes), "--columns", "flux=S", *common]) == 0
    assert "Grouping is off (--group): 2 of the 2 positions are parts of 1 source" in capsys.readouterr().out
    assert main(["cutouts", str(lobes), "--columns", "flux=S", "--group", *common]) == 0
    assert "Grouping is on: 2 of the 2 positions" in capsys.readouterr().out
    with (out / "catalogue.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert (row["id"], row["components"], row["component_ids"], row["placed_on"]) == ("b", "2", "a | b", "middle")
    assert float(row["dec"]) == pytest.approx(-9.3) and float(row["offset"]) == pytest.approx(20.0, abs=0.01)
    assert float(row["extent"]) == pytest.approx(40.0, abs=0.01) and "may lie outside" in row["cautions"]
    monkeypatch.setenv(allowed.SETTING, "off")
    assert main(["cutouts", "3.3 -9.3", *common]) == 2
    assert "switched off here" in capsys.readouterr().err


def test_every_column_is_in_the_documentation(repo_root: Path) -> None:
    told = (repo_root / "docs" / "sky.md").read_text().splitlines()
    for column in found_columns():
        words = column.description.replace("|", "\\|")
        assert f"| `{column.name}` | {column.kind} | {column.unit} | {column.ucd} | {words} |" in told
