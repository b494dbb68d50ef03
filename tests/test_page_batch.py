"""The Batch page: what is launched, how a run stops and goes on, and its rows with filters, pictures and exports."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from small_catalogue import written
from streamlit.testing.v1 import AppTest
from tiny_checkpoint import LABELS, save

from ui.batch import rows as drawn
from vlass_explorer import runs
from vlass_explorer.catalogue import follow, job, parts, plan, pool, shard
from vlass_explorer.catalogue.follow import Filter
from vlass_explorer.cli import main
from vlass_explorer.export import tables
from vlass_explorer.launchers import local
from vlass_explorer.progress import report
from vlass_explorer.schema import CatalogueError, Run, RunConfig

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, and twenty cutouts below a data root, one of which is text."""
    folder = tmp_path_factory.mktemp("batch")
    save(folder / "checkpoints" / "tiny")
    (folder / "data" / "sky").mkdir(parents=True)
    written(folder / "data" / "sky")
    return folder


@pytest.fixture(autouse=True)
def surroundings(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (
        ("DATA_ROOTS", place / "data"),
        ("UPLOADS", "off"),
        ("RUNS", tmp_path / "runs"),
        ("CHECKPOINTS", place / "checkpoints"),
        ("TRAINING", "local"),
    ):
        monkeypatch.setenv(f"VLASS_EXPLORER_{name}", str(value))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def page_of(**chosen: str) -> AppTest:
    """The page, with values of widgets that AppTest cannot set, as it knows only what is listed."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    for key, value in chosen.items():
        page.session_state[key] = value
    page.switch_page("pages/batch.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    said = [*page.error, *page.warning, *page.success, *page.info, *page.caption, *page.markdown, *page.code]
    return "\n".join(str(part.value) for part in said).replace("\\", "")


def made(place: Path, *more: str) -> Run:
    words = [str(place / "data" / "sky"), "--checkpoint", "tiny", "--no-flux", *more, "--below", str(place / "data")]
    return runs.create(RunConfig(name="sky", device="cpu"), files=job.files(words))


def in_this_process(monkeypatch: pytest.MonkeyPatch, after: Callable[[int], None] = lambda _: None) -> None:
    """Shards one by one, in place of the pool, which has its own tests."""

    def each(folder: Path, *_: object) -> None:
        one = plan.read(folder)
        for number in range(one.shards):
            shard.run(folder, number)
            after(number)
            report(parts.answered(one), one.count)

    monkeypatch.setattr(pool, "run", each)
    monkeypatch.setattr(plan, "LEAST", 4)
    monkeypatch.setattr(pool, "cores", lambda: 1)


@pytest.fixture
def finished(done: Path, tmp_path: Path) -> Run:
    return runs.read(shutil.copytree(done, tmp_path / "runs" / done.name))


@pytest.fixture(scope="module")
def done(place: Path) -> Path:
    """The folder of a run that has finished, to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_RUNS", str(place / "runs"))
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(place / "checkpoints"))
        in_this_process(patch)
        run = made(place)
        assert main(["batch", str(run.path)]) == 0
    return run.path


def test_a_run_that_is_stopped_goes_on_and_says_how_far_it_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(place)
    assert (run.kind, run.phase) == ("classification", "queued")
    assert local.command(run)[-2:] == ["batch", str(run.path)]

    def stopped_once_some_are_told(_: int) -> None:
        if runs.read_status(run.path)["step"]:
            (run.path / "stop").touch()

    in_this_process(monkeypatch, after=stopped_once_some_are_told)
    assert main(["batch", str(run.path)]) == 0
    stopped = runs.read(run.path)
    assert (stopped.phase, stopped.reason, stopped.device) == ("stopped", "Stopped on request.", "cpu")
    status = runs.read_status(run.path)
    answered = parts.answered(plan.read(job.folder(run)))
    assert status["total_steps"] == 20 and 0 < status["step"] <= answered < 20
    page = page_of()
    assert f"Stopped on request. Answered: {status['step']} of 20 inputs" in texts(page)
    assert f"{answered} of {answered} rows; {20 - answered} are not answered yet." in texts(page)

    launched: list[Run] = []
    monkeypatch.setattr(local, "launch", launched.append)
    page.button(key=f"batch-resume-{run.id}").click().run()
    assert [again.id for again in launched] == [run.id] and runs.read(run.path).phase == "queued"
    in_this_process(monkeypatch)
    assert main(["batch", str(run.path)]) == 0
    ended = runs.read(run.path)
    assert ended.phase == "finished" and ended.metrics == {"rows": 20, "inputs": 20, "failed": 1}
    assert len(tables.read_rows(job.folder(run) / "table.parquet")) == 20


def test_rows_are_filtered_drawn_exported_and_opened(finished: Run, place: Path) -> None:
    page = page_of()
    assert "20 of 20 rows" in texts(page)
    assert "20 inputs in, 20 rows out, none twice, 1 of them without a prediction." in texts(page)
    table = page.dataframe[1].value.set_index("id")
    assert list(table.index) == sorted(str(path) for path in (place / "data" / "sky").iterdir())
    assert list(table["input"])[:2] == ["00.fits", "01.fits"]  # below the folder that all lie in
    failed = str(place / "data" / "sky" / "07.fits")
    assert table.loc[failed, "error"].startswith("This is no FITS")
    whole = tables.read_rows(job.folder(finished) / "table.parquet")
    assert [row.label or "" for row in whole] == list(table["label"].fillna(""))
    charts = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    bars = {trace["name"]: sum(np.atleast_1d(trace["y"])) for trace in charts[0]["data"]}
    assert sum(bars.values()) == 20 and bars["no answer"] == 1
    assert charts[3]["layout"]["title"]["text"] == "19 rows with a position"

    key = f"batch_{finished.id[-9:]}"
    page.button_group(key=f"{key}_failed").set_value(drawn.FAILED).run()
    assert list(page.dataframe[1].value["id"]) == [failed] and "1 of 20 rows" in texts(page)
    page.button_group(key=f"{key}_failed").set_value(drawn.ANSWERED).run()
    snr = float(np.median([row.snr for row in whole if row.snr is not None]))
    page.number_input(key=f"{key}_snr").set_value(snr).run()
    kept = [row.id for row in whole if row.snr is not None and row.snr >= snr]
    assert list(page.dataframe[1].value["id"]) == kept

    page.session_state[drawn.PICKED] = kept[0]
    page.run()
    page.button(key="batch_open").click().run()
    assert not page.exception and page.session_state["checkpoint"] == "tiny"
    (entry,) = page.session_state["uploads"].values()
    assert page.session_state["cutout"] == entry.key and entry.source().name == Path(kept[0]).name


def test_exports_hold_every_column_of_the_chosen_rows(finished: Run, tmp_path: Path) -> None:
    one, table = follow.Answers(job.folder(finished)).update()
    assert one is not None
    rows = follow.chosen(table, Filter(failed=False, scores=(0.2, 1.0)))
    whole = {row.id: row for row in tables.read_rows(job.folder(finished) / "table.parquet")}
    ids = rows["id"].to_pylist()
    assert ids == [id for id, row in whole.items() if row.score is not None and row.score >= 0.2]
    for suffix, _, _ in drawn.FORMS:
        (tmp_path / f"t{suffix}").write_bytes(drawn._export(one, rows, suffix))
        assert tables.read_rows(tmp_path / f"t{suffix}") == [whole[id] for id in ids]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CatalogueError, match="19 rows; 3 are taken out"):
        patch.setattr(follow, "MOST", 3)
        follow.full(one, rows)
    there = follow.matched(rows)
    for name in ("label", "score", "validity"):
        assert there[name].equals(rows[f"matched_{name}"])
    with pytest.raises(CatalogueError, match="was not asked for nobody"):
        follow.asked(one, "nobody")
    with pytest.raises(CatalogueError, match=r"no image of .*07\.fits"):
        drawn.entry(plan.make(tmp_path / "p", [plan.Input("07.fits", error="x")], [], plan.How()), "07.fits")


def test_parts_of_another_plan_and_halves_are_not_rows(finished: Run, place: Path) -> None:
    answers = follow.Answers(job.folder(finished))
    one, table = answers.update()
    assert one is not None and table.num_rows == 20
    folder = job.folder(finished) / "parts"
    first = parts.path(one, 0)
    count = parts.rows(one, first, ["id"]).num_rows  # type: ignore[union-attr]
    (folder / "00000.parquet").write_bytes(first.read_bytes()[:-9])
    assert answers.update()[1].num_rows == 20 - count
    (job.folder(finished) / plan.MANIFEST).write_text(
        json.dumps(json.loads((job.folder(finished) / plan.MANIFEST).read_text()) | {"version": "0.0.1"})
    )
    assert follow.Answers(job.folder(finished)).update()[1].num_rows == 0


def test_the_page_launches_what_was_chosen(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Run] = []
    monkeypatch.setattr(local, "launch", launched.append)
    page = page_of()
    assert page.button(key="batch_launch").disabled and "No classification yet" in texts(page)
    page.selectbox(key="batch_folder").set_value(str(place / "data" / "sky"))
    page.text_input(key="batch_pattern").set_value("0*.fits").run()
    page.button(key="batch_launch").click().run()
    assert not page.exception and not page.error
    (run,) = launched
    assert (run.config.name, run.config.device) == ("sky", "auto")
    inside = [str(place / "data" / "sky" / "0*.fits"), "--checkpoint", "tiny", "--match", "--no-flux", "--below"]
    assert job.words(run) == [*inside, str(place / "data"), "--out", str(run.path / "catalogue")]
    assert page.session_state["batch_run"] == run.id

    page.button_group(key="batch_input").set_value("Table of files").run()
    page.selectbox(key="batch_from").set_value(str(place / "data"))
    page.file_uploader(key="batch_list").set_value(("l.csv", b"n,File\n1,sky/00.fits\n2,../x.fits\n", "text/csv")).run()
    page.button(key="batch_launch").click().run()
    in_this_process(monkeypatch)
    assert main(["batch", str(launched[1].path)]) == 0
    table = tables.read_rows(job.folder(launched[1]) / "table.parquet")
    assert [bool(row.label) for row in table] == [True, False]
    assert table[1].error == "There is no such file." and table[0].matched_label


def test_what_cannot_be_classified_is_said(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of()
    page.button_group(key="batch_input").set_value("Table of files").run()
    page.selectbox(key="batch_from").set_value(str(place / "data"))
    page.file_uploader(key="batch_list").set_value(("l.csv", b"a,b\n1,2\n", "text/csv")).run()
    assert "l.csv has no column of files: call one file, path" in texts(page)
    page = page_of(batch_folder=str(tmp_path))
    assert "The folder must lie below" in texts(page) and "batch_launch" not in {b.key for b in page.button}

    (tmp_path / "secret.fits").write_bytes((place / "data" / "sky" / "00.fits").read_bytes())
    link = place / "data" / "link.fits"
    link.symlink_to(tmp_path / "secret.fits")
    words = ["--list", f"{job.HERE}/inputs.txt", "--checkpoint", "tiny", "--no-flux", "--below", str(place / "data")]
    lines = f"{link}\n{tmp_path / 'secret.fits'}\n".encode()
    run = runs.create(RunConfig(name="out", device="cpu"), files={**job.files(words), "inputs.txt": lines})
    in_this_process(monkeypatch)
    assert main(["batch", str(run.path)]) == 0
    told = [row.error for row in tables.read_rows(job.folder(run) / "table.parquet")]
    assert told == ["It lies outside of the folders that may be read here."] * 2
    link.unlink()

    bad = runs.create(RunConfig(name="bad", device="cpu"), files={"classify.json": b"{}"})
    assert main(["batch", str(bad.path)]) == 2
    assert runs.read(bad.path).reason == f"classify.json of {bad.id} is damaged: begin another classification."
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    page = page_of()
    assert "Starting from the page is switched off" in texts(page) and "is damaged" in texts(page)
    assert not {str(b.key) for b in page.button if str(b.key).startswith("batch-")}
    assert LABELS
