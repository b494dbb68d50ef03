"""The Runs page: the table, one run in each phase, several compared, and what its buttons do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from streamlit.testing.v1 import AppTest

from vlass_explorer import runs
from vlass_explorer.evaluation import metrics
from vlass_explorer.launchers import local
from vlass_explorer.schema import Run, RunConfig

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of its own for runs and checkpoints."""
    tiny_checkpoint.save(tmp_path / "checkpoints" / "tiny")
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path))
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", "off")
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "local")
    return tmp_path


def runs_page(*chosen: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    if chosen:
        page.query_params["run"] = list(chosen)
    page.switch_page("pages/runs.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    parts = [*page.error, *page.warning, *page.success, *page.info, *page.caption, *page.markdown, *page.code]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def keys(page: AppTest) -> set[str]:
    return {str(button.key) for button in page.button}


def made(name: str, phase: str, config: RunConfig | None = None, **status: object) -> Run:
    run = runs.create(config or RunConfig(name=name, epochs=2))
    runs.write_status(run.path, phase=phase, total_steps=10, process=runs.identity(), **status)
    return runs.read(run.path)


def measured(run: Run, *losses: float) -> None:
    for step, loss in enumerate(losses, start=1):
        runs.append_metrics(run.path, {"epoch": 1, "step": step, "train_loss": loss, "lr": 1e-3})
    runs.append_metrics(run.path, {"epoch": 1, "step": 5, "val_loss": 0.5, "val_macro_f1": 0.25})


def drawn(page: AppTest, number: int = 0) -> dict[tuple[str, str], int]:
    """Curve and panel -> number of points."""
    spec = json.loads(page.get("plotly_chart")[number].proto.spec)
    return {(t["name"], t["xaxis"]): len(np.atleast_1d(t["x"])) for t in spec["data"] if "name" in t}


def test_nothing_yet_leads_to_the_train_page() -> None:
    page = runs_page()
    assert "No run yet" in texts(page) and not page.dataframe


def test_the_table_tells_what_every_run_does() -> None:
    made("done", "finished", metrics={"macro_f1": 0.8125}, device="cpu")
    made("works", "training", step=5, eta_seconds=600.0, metrics={"best_macro_f1": 0.5}, device="cpu")
    made("waits", "queued", device="cpu")
    table = runs_page().dataframe[0].value.set_index("Run")
    assert list(table.index) == ["waits", "works", "done"]
    assert list(table["Phase"]) == ["queued (1)", "training", "finished"]
    assert list(table["Progress"]) == [0, 50, 100] and list(table["Left"]) == ["", "10 min", ""]
    np.testing.assert_array_equal(table["Macro F1"], [np.nan, 0.5, 0.8125])
    assert set(table["Device"]) == {"cpu"} and all(age.endswith(" s") for age in table["Age"])


def test_a_link_names_its_run_and_its_curves_are_complete() -> None:
    old = made("old", "stopped", reason="Stopped on request.", step=4)
    measured(old, 1.0, 0.5, 0.25)
    (old.path / "train.log").write_text("last words of the old run\n")
    made("new", "finished", checkpoint="new-2")
    page = runs_page(old.id)
    assert page.subheader[0].value == "old" and page.query_params["run"] == old.id
    assert "Stopped on request" in texts(page) and "last words of the old run" in texts(page)
    assert drawn(page) == {("training", "x"): 3, ("validation", "x"): 1, ("validation", "x2"): 1}
    page.button_group(key=f"view-{old.id}-Log").set_value("Machine").run()
    assert drawn(page, 1) == {("learning rate", "x"): 3}


def test_an_unknown_run_in_the_address_is_said() -> None:
    made("newest", "failed", reason="Out of memory on cpu with batch_size 64; try batch_size=32.")
    page = runs_page("../../etc/passwd")
    assert "any more: the newest one is shown" in page.warning[0].value.replace("\\", "")
    assert page.subheader[0].value == "newest" and "try batch" in page.error[0].value


def test_a_run_that_is_launched_elsewhere_does_not_move_the_choice() -> None:
    old = made("old", "stopped")
    page = runs_page()
    assert page.session_state["runs_table"]["selection"]["rows"] == [0]
    made("newer", "stopped")
    page.run()
    assert page.session_state["runs_table"]["selection"]["rows"] == [1]
    assert page.subheader[0].value == "old" and page.query_params["run"] == old.id


def test_a_working_run_can_be_asked_to_stop_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("works", "training", step=5, eta_seconds=60.0)
    page = runs_page()
    assert {f"stop-{run.id}", f"kill-{run.id}", f"again-{run.id}"} <= keys(page)
    assert not {f"resume-{run.id}", f"delete-{run.id}"} & keys(page)
    page.button(key=f"stop-{run.id}").click().run()
    assert (run.path / "stop").exists() and page.button(key=f"stop-{run.id}").disabled
    killed: list[str] = []
    monkeypatch.setattr(local, "kill", lambda run: killed.append(run.id))
    page.button(key=f"kill-{run.id}").click().run()
    assert killed == [run.id]


def test_an_ended_run_is_resumed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("stopped", "stopped", reason="Stopped on request.")
    launched: list[Run] = []
    monkeypatch.setattr(local, "launch", launched.append)
    page, other = runs_page(), runs_page()
    page.button(key=f"resume-{run.id}").click().run()
    other.button(key=f"resume-{run.id}").click().run()  # another browser, which shows it as stopped still
    assert [again.id for again in launched] == [run.id] and runs.read(run.path).phase == "queued"
    assert "is queued" in other.error[0].value.replace("\\", "")


def test_only_ended_runs_are_deleted() -> None:
    kept, run = made("kept", "finished"), made("gone", "lost")
    page = runs_page(run.id)
    page.button(key=f"delete-{run.id}").click().run()
    assert not page.exception
    assert [one.id for one in runs.listing()] == [kept.id] and not run.path.exists()
    assert page.subheader[0].value == "kept"


def test_a_finished_run_shows_its_report_and_offers_its_checkpoint_to_explore() -> None:
    run = made("tiny", "finished", checkpoint="tiny", metrics={"macro_f1": 0.8125})
    labels, scores = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    report = metrics.report(labels, scores, ("long", "round"), bootstrap=50)
    runs.write_json(run.path / "report.json", asdict(report))
    page = runs_page()
    assert "0.812" in [metric.value for metric in page.metric] and "checkpoint tiny is ready" in texts(page)
    assert "4 cutouts, one forward pass each" in texts(page)
    spec = json.loads(page.get("plotly_chart")[0].proto.spec)
    assert spec["data"][0]["text"] == [["1", "1"], ["0", "2"]]
    table = page.dataframe[1].value.set_index("Class")
    assert table.loc["round", "Recall"] == 1.0 and table.loc["long", "Cutouts"] == 2
    page.button(key=f"explore-{run.id}").click().run()
    assert not page.exception and page.session_state["checkpoint"] == "tiny"


def test_the_configuration_is_told_by_what_differs_from_its_recipe() -> None:
    from vlass_explorer import recipes

    config = recipes.with_values(recipes.load("first/cnn"), {"epochs": 7, "mixup": 0.5})
    run = made("cnn", "stopped", config)
    page = runs_page()
    page.button_group(key=f"view-{run.id}-Log").set_value("Configuration").run()
    table = page.dataframe[1].value.set_index("Key")
    assert dict(table["In this run"]) == {"epochs": "7", "mixup": "0.5"}
    assert table.loc["epochs", "In the recipe first/cnn"] == "60"
    assert recipes.from_yaml(next(c.value for c in page.code if "epochs: 7" in c.value)) == config


def test_several_runs_are_compared() -> None:
    first = made("a", "finished", RunConfig(name="a", epochs=2, mixup=0.2), metrics={"macro_f1": 0.5})
    second = made("b", "training", RunConfig(name="b", epochs=4, mixup=0.2), metrics={"best_macro_f1": 0.75})
    measured(first, 1.0, 0.5)
    measured(second, 0.9)
    page = runs_page(second.id, first.id)
    assert page.subheader[0].value == "2 runs compared"
    assert drawn(page)["a", "x"] == 2 and drawn(page)["b", "x3"] == 1
    scores = page.dataframe[1].value.set_index("Run")
    assert list(scores["Δ Macro F1"]) == [0.0, 0.25]
    keys = page.dataframe[2].value.set_index("Key")
    assert list(keys.index) == ["epochs"] and list(keys.loc["epochs"]) == ["2", "4"]


def test_run_again_with_changes_fills_the_form() -> None:
    run = made("old", "finished", RunConfig(name="old", dataset="simulated", epochs=3))
    page = runs_page()
    page.button(key=f"again-{run.id}").click().run()
    assert not page.exception
    page.switch_page("pages/train.py").run()
    assert not page.exception and "name=old dataset=simulated epochs=3" in page.code[0].value


def test_where_training_is_off_runs_can_be_looked_at_only(monkeypatch: pytest.MonkeyPatch) -> None:
    done, works = made("done", "finished", checkpoint="tiny"), made("works", "training", step=5)
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    page = runs_page(works.id)
    assert "switched off" in page.info[0].value
    assert not any(str(key).split("-")[0] in ("stop", "kill", "resume", "again", "delete") for key in keys(page))
    assert f"explore-{done.id}" in keys(runs_page(done.id))


@pytest.mark.parametrize(
    ("phase", "button"),
    [("training", "stop"), ("training", "kill"), ("stopped", "resume"), ("stopped", "keep"), ("stopped", "delete")],
)
def test_a_button_drawn_before_training_was_switched_off_does_nothing(
    phase: str, button: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made("old", phase, step=5)
    (run.path / "last.ckpt").touch()
    for action in ("launch", "kill"):
        monkeypatch.setattr(local, action, lambda run: pytest.fail("it was done"))
    page = runs_page(run.id)
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    page.button(key=f"{button}-{run.id}").click().run()
    assert not page.exception and "switched off" in page.error[0].value
    assert runs.read(run.path) == run and not (run.path / "stop").exists()


def test_names_are_shown_as_text() -> None:
    made("x", "failed", RunConfig(name="x", weights="**bold** [a](http://b)"), reason="<b>no</b> `code`")
    page = runs_page()
    assert any("\\*\\*bold" in caption.value for caption in page.caption)
    assert "\\<b\\>" in page.error[0].value
