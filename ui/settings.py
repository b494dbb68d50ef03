"""Deployment settings: the one place where environment variables decide what the pages may do.

VLASS_EXPLORER_TRAINING
    ``local`` (default): the pages start processes on this machine. ``slurm`` or ``local,slurm``: they may also submit
    jobs to a cluster.
    ``off``, and any other word: they only show runs.
VLASS_EXPLORER_MAX_RUNS
    Largest number of runs that are running or waiting at a time, default 8. One runs on a device, the others wait.
VLASS_EXPLORER_DATA_ROOTS
    Folders below which data sets may be chosen, separated by ``:`` (``;`` on Windows).
    Default: ``$VLASS_EXPLORER_DATA``, ``../shared/data`` and ``data``, as far as they exist.
VLASS_EXPLORER_UPLOADS
    Folder of uploaded data sets, default ``uploads``; ``off``: no uploads. It is a data root, too.
VLASS_EXPLORER_UPLOAD_GIB, VLASS_EXPLORER_UPLOAD_FILES
    Largest upload, unpacked: 8 GiB and 100000 files. What the browser may send at once is ``server.maxUploadSize``.
VLASS_EXPLORER_SESSIONS
    Folder of what a browser keeps between visits (uploads and choices), default ``sessions`` in the cache folder;
    ``off``: nothing outlives the browser session.
VLASS_EXPLORER_SESSION_GIB, VLASS_EXPLORER_SESSION_DAYS
    Largest session, 2 GiB (all together ten times as much), and days it is kept after its last use, 14.
VLASS_EXPLORER_MEMORY_GIB
    What the server remembers of cutouts, models and maps, for all browser sessions together; default: a quarter of the
    machine's memory.
VLASS_EXPLORER_LABELS
    Folder of the label files of the Desk, default ``labels``; ``off``: cutouts are looked at there, not labelled.
VLASS_EXPLORER_RUNS, VLASS_EXPLORER_CHECKPOINTS
    Folders of runs and of checkpoints; read by ``vlass_explorer.runs`` and ``vlass_explorer.checkpoints``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

import psutil

from vlass_explorer import checkpoints, datasets
from vlass_explorer.cutouts import is_cutout
from vlass_explorer.datasets import cache
from vlass_explorer.datasets.layout import part_named
from vlass_explorer.datasets.uploads import Bounds
from vlass_explorer.schema import ConfigError, DatasetError, RunError
from vlass_explorer.sessions import Bounds as SessionBounds
from vlass_explorer.sessions import Sessions

ROOT = Path(__file__).resolve().parent.parent
LARGEST_LISTING = 200
ANNOTATIONS = "annotations"


def training_allowed() -> bool:
    """May the pages start processes? Anything but ``local``, ``slurm`` or no word at all means no."""
    return _launchers() <= {"local", "slurm"}


def check_training_allowed() -> None:
    """RunError where training is off, whoever asks."""
    if not training_allowed():
        raise RunError("Training from the page is switched off here (VLASS_EXPLORER_TRAINING).")


def cluster_allowed() -> bool:
    """May the pages submit jobs to a cluster?"""
    return training_allowed() and "slurm" in _launchers()


def _launchers() -> set[str]:
    return {word.strip() for word in os.environ.get("VLASS_EXPLORER_TRAINING", "local").split(",")}


def most_runs() -> int:
    """How many runs may be running or waiting at a time."""
    return int(_number("VLASS_EXPLORER_MAX_RUNS", 8))


def uploads() -> Path | None:
    """Where uploaded data sets are kept; None where they are switched off."""
    named = os.environ.get("VLASS_EXPLORER_UPLOADS") or str(ROOT / "uploads")
    return None if named == "off" else Path(named).expanduser().resolve()


def upload_bounds() -> Bounds:
    """What an upload may hold."""
    size = _number("VLASS_EXPLORER_UPLOAD_GIB", 8.0)
    return Bounds(files=int(_number("VLASS_EXPLORER_UPLOAD_FILES", 100_000)), bytes=int(size * 2**30))


def labels() -> Path | None:
    """Where the label files of the Desk are kept; None where that is switched off."""
    named = os.environ.get("VLASS_EXPLORER_LABELS") or str(ROOT / "labels")
    return None if named.lower() == "off" else Path(named).expanduser().resolve()


@lru_cache(maxsize=1)
def _sessions(root: Path, size: float, days: float) -> Sessions:
    one = int(size * 2**30)
    return Sessions(root, SessionBounds(one, 10 * one, days))


def sessions() -> Sessions | None:
    """Where browsers keep uploads and choices; None where that is switched off."""
    named = os.environ.get("VLASS_EXPLORER_SESSIONS", "")
    root = Path(named).expanduser() if named else cache.folder()
    if named.lower() == "off" or root is None:
        return None
    size, days = _number("VLASS_EXPLORER_SESSION_GIB", 2.0), _number("VLASS_EXPLORER_SESSION_DAYS", 14.0)
    return _sessions(root if named else root / "sessions", size, days)


def memory() -> int:
    """Bytes of cutouts, models and maps that the server keeps in memory."""
    return int(_number("VLASS_EXPLORER_MEMORY_GIB", psutil.virtual_memory().total / 2**32) * 2**30)


def _number(variable: str, default: float) -> float:
    """A positive number from the environment; a word that is none is told, not guessed."""
    text = os.environ.get(variable) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise ConfigError(f"{variable} is a positive number, not {text!r}.")
    return value


def data_roots() -> list[Path]:
    """The folders below which data sets may be chosen, those that exist, with links resolved."""
    named = os.environ.get("VLASS_EXPLORER_DATA_ROOTS")
    if named is not None:
        candidates = [Path(part) for part in named.split(os.pathsep) if part]
    else:
        data = os.environ.get("VLASS_EXPLORER_DATA")
        candidates = [*([Path(data)] if data else []), ROOT.parent / "shared" / "data", ROOT / "data"]
    candidates += [folder] if (folder := uploads()) is not None else []
    resolved = [path.expanduser().resolve() for path in candidates]
    return [path for i, path in enumerate(resolved) if path.is_dir() and path not in resolved[:i]]


def readable_roots() -> list[Path]:
    """Where cutouts that a browser took from a data set or an archive may lie: the data roots and the cache."""
    kept = cache.folder()
    return [*data_roots(), *([] if kept is None else [kept])]


def checked_data_dir(text: str) -> Path:
    """Turn what a person typed into a folder below a data root; raise DatasetError with a sentence otherwise.

    ``..`` and symbolic links are followed first, so neither leads out of the roots.
    """
    if not data_roots():
        raise DatasetError("No data root is set up: set VLASS_EXPLORER_DATA_ROOTS to the folder that holds data sets.")
    if not text.strip():
        raise DatasetError("Name the folder of the data set.")
    if "\0" in text:
        raise DatasetError("A folder name cannot hold a null character.")
    try:
        inside = _inside(text, data_roots())
        found = next((path for path in inside if path.is_dir()), None)
    except (OSError, RuntimeError) as error:  # a name too long, or links that lead in a circle
        raise DatasetError("This is not the name of a folder: choose one from the list.") from error
    if not inside:
        named = " or ".join(str(root) for root in data_roots())
        raise DatasetError(f"The folder must lie below {named}: choose one from the list.")
    if found is None:
        raise DatasetError(f"There is no folder {inside[0]}: choose one from the list.")
    return found


def checked_weights(text: str) -> Path:
    """A file of starting weights below a data root or the folder of checkpoints; ConfigError for any other."""
    roots = [*data_roots(), checkpoints.folder().resolve()]
    try:
        inside = [] if "\0" in text else _inside(str(Path(text).expanduser()), roots)
        found = next((path for path in inside if path.is_file()), None)
    except (OSError, RuntimeError) as error:
        raise ConfigError("weights is not the name of a file.") from error
    if found is None:
        named = " or ".join(str(root) for root in roots)
        raise ConfigError(f"The file of the starting weights must be there and lie below {named}.")
    return found


def _inside(text: str, roots: Sequence[Path]) -> list[Path]:
    """Where a path may lead that is absolute or below one of the roots, links and ``..`` followed, all inside them."""
    candidates = [(root / text.strip()).resolve() for root in roots]
    return [path for path in candidates if any(path.is_relative_to(root) for root in roots)]


def data_sets() -> list[Path]:
    """Folders at most two levels below the roots that hold labelled cutouts: first those with a labels.csv.

    Last those of other layouts that a reader recognises (colour pictures with labels in their names, a catalogue).
    """
    seen: list[Path] = []
    for root in data_roots():
        first = _subfolders(root)
        seen += [p for p in [root, *first, *(q for p in first for q in _subfolders(p))] if p not in seen]
    listed = [path for path in seen if (path / "labels.csv").is_file()]
    listed += [path for path in seen if path not in listed and _has_class_folders(path)]
    # What lies in one of these is a part of it.
    rest = [path for path in seen if not {path, *path.parents}.intersection(listed)]
    return (listed + [path for path in rest if _is_recognised(path, path.stat().st_mtime_ns)])[:LARGEST_LISTING]


@lru_cache(maxsize=1024)
def _is_recognised(folder: Path, changed: int) -> bool:
    """Does a reader of the shelf know this layout? Asked again when the folder has changed: some look at every name."""
    return os.access(folder, os.R_OK | os.X_OK) and datasets.recognise(folder) != "class_folders"


def _subfolders(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    with os.scandir(folder) as entries:  # which knows what is a folder: 50,000 files are not asked one by one
        found = [folder / each.name for each in entries if each.is_symlink() or each.is_dir()]
    folders = (path for path in found if not path.name.startswith(".") and path.is_dir())
    return sorted(path for path in folders if path.resolve().is_relative_to(folder))[:LARGEST_LISTING]


def _has_class_folders(folder: Path) -> bool:
    classes: set[str] = set()
    for path in _subfolders(folder):
        for inner in _subfolders(path) if part_named(path.name) else [path]:
            if inner.name.lower() != ANNOTATIONS and any(is_cutout(p.name) for p in islice(inner.iterdir(), 50)):
                classes.add(inner.name)
    return len(classes) > 1
