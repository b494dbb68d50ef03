"""The label file: nothing that was said to be saved is lost, whoever writes, whatever was done to the file by hand."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vlass_explorer.desk import labels, records
from vlass_explorer.desk.labels import Labels
from vlass_explorer.schema import InputError

ROOT = Path(__file__).resolve().parent.parent
KILLED = """
import os, signal, sys
from pathlib import Path
from vlass_explorer.desk import records
from vlass_explorer.desk.labels import Labels

path, said = Path(sys.argv[1]), []
for turn in range(100):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # labels until it is killed, and says each one that is saved
        number = 0
        while True:
            id = f"{turn:04x}{number:012x}"
            Labels(path).append(records.label("ann", f"cutout {turn} {number}", "FRI", id=id))
            os.write(writing, id.encode())
            number += 1
    os.close(writing)
    said.append(os.read(reading, 16).decode())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 16):  # what it still said before it died
        said.append(more.decode())
    os.close(reading)
print(*said)
"""


def file(folder: Path) -> Labels:
    return Labels(folder / "set.jsonl").refresh()


def test_no_label_is_lost_when_the_writer_is_killed_after_each_of_a_hundred(tmp_path: Path) -> None:
    call = [sys.executable, "-c", KILLED, str(tmp_path / "set.jsonl")]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = done.stdout.split()
    assert len({id[:4] for id in said}) == 100
    found = file(tmp_path)
    assert {one.id for one in found.given} >= set(said)
    assert len(found.given) <= len(said) + 100  # besides those in flight, one a killed process
    assert found.broken == ()


def test_two_processes_and_many_threads_on_one_file_keep_all(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from vlass_explorer.desk import records\n"
    script += "from vlass_explorer.desk.labels import Labels\n"
    script += "for n in range(60): Labels(Path(sys.argv[1])).append(records.label(sys.argv[2], f'c{n}', 'FRII'))"
    path = tmp_path / "set.jsonl"
    others = [subprocess.Popen([sys.executable, "-c", script, str(path), by], cwd=ROOT) for by in ("ann", "bob")]
    mine = labels.opened(path)
    threads = [
        threading.Thread(target=lambda n=n: [mine.append(records.label(f"t{n}", f"c{k}", "FRI")) for k in range(30)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(timeout=60) for other in others] == [0, 0]
    found = mine.refresh()
    assert found.broken == () and len(found.given) == 2 * 60 + 4 * 30
    assert found.count("ann") == found.count("bob") == 60 and found.count("t3") == 30
    assert sorted(found.labellers) == ["ann", "bob", "t0", "t1", "t2", "t3"]


def test_the_latest_label_holds_and_undoing_brings_the_one_before_back(tmp_path: Path) -> None:
    found = file(tmp_path)
    found.append(records.classes("ann", ["FRI", "FRII"]))
    first = records.label("ann", "a", "FRI", shown="FRII 0.93 (first-cnn)", place=(10.5, -3.0), content="0" * 16)
    second = records.label("ann", "a", "FRII")
    found.append(
        first, second, records.label("ann", "b", "", kind="unsure"), records.label("bob", "a", "", kind="artefact")
    )
    assert found.classes == ("FRI", "FRII")
    assert [(one.by, one.cutout, one.word, one.blind) for one in found.given] == [
        ("ann", "a", "FRII", True),
        ("ann", "b", "unsure", True),
        ("bob", "a", "artefact", True),
    ]
    last = found.last("ann")
    assert last is not None and last.cutout == "b"
    found.append(records.undo("ann", last.id))
    assert found.of("b", "ann") is None and found.count("ann") == 1
    found.append(records.undo("ann", second["id"]))
    again = found.of("a", "ann")
    assert again is not None and (again.word, again.blind, again.ra, again.dec) == ("FRI", False, 10.5, -3.0)
    found.append(records.note("bob", "a", "a bent tail?\nor two sources"))
    assert file(tmp_path).notes("a") == (("bob", "a bent tail?\nor two sources"),)
    assert file(tmp_path).given == found.given


def test_the_same_record_twice_is_one(tmp_path: Path) -> None:
    found, told = file(tmp_path), records.label("ann", "a", "FRI")
    found.append(told)
    found.append(told, told)
    assert len((tmp_path / "set.jsonl").read_text().splitlines()) == 1


def test_broken_rows_are_left_out_and_told_and_the_rest_is_there(tmp_path: Path) -> None:
    found = file(tmp_path)
    found.append(records.label("ann", "a", "FRI"), records.label("ann", "b", "FRII"))
    path = tmp_path / "set.jsonl"
    lines = path.read_text().splitlines()
    by_hand = json.loads(lines[1]) | {"id": "f" * 16, "kind": "class", "label": ""}
    path.write_text(
        "\n".join([lines[0], "FRI;b;by hand", "", json.dumps(by_hand), '{"id": "0123456789abcdef"}', "[]"]) + "\n"
    )
    told = found.refresh()
    assert [(one.cutout, one.word) for one in told.given] == [("a", "FRI")]
    assert [(each.line, each.why) for each in told.broken] == [
        (2, "it is no JSON"),
        (4, "it names no class"),
        (5, "it has no do"),
        (6, "it has no id"),
    ]
    with path.open("ab") as file_:
        file_.write(b'{"id": "torn')  # the power went while it was written
    found.append(records.label("ann", "c", "Bent"))
    assert [one.cutout for one in found.given] == ["a", "c"] and found.broken[-1].line == 7
    assert found.classes == ("FRI", "Bent")


def test_what_is_no_name_and_a_folder_that_refuses_are_one_sentence(tmp_path: Path) -> None:
    for name in ("", "../x", "a b", "x" * 65, "ä", ".hidden"):
        with pytest.raises(InputError, match="named in letters"):
            labels.path_of(tmp_path, name)
    for names in (["FRI"], ["FRI", "fri"], ["FRI", " "]):
        with pytest.raises(InputError, match="two classes or more"):
            records.classes("ann", names)
    with pytest.raises(InputError, match="at most 40"):
        records.classes("ann", [str(n) for n in range(41)])
    (tmp_path / "set.jsonl").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        Labels(tmp_path / "set.jsonl").append(records.label("ann", "a", "FRI"))
    assert labels.known_sets(tmp_path / "nowhere") == []


def test_fifty_thousand_labels_are_read_at_once_and_then_only_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    line = json.dumps(records.label("ann", "c", "FRI", id="0" * 16))
    lines = (line.replace("0" * 16, f"{n:016x}").replace('"c"', f'"c{n}"') for n in range(50_000))
    path.write_text("\n".join(lines) + "\n")
    found = Labels(path).refresh()
    assert found.count("ann") == 50_000
    before = found._read
    found.append(records.label("bob", "c0", "FRII"))
    assert found._lines == 50_001 and found._read > before
