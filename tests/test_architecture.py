"""The import table of the design, read from the source: who may import whom, who may touch files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "vlass_explorer"
FOLDERS = ["vlass_explorer", "train", "ui", "pages", "benchmarks", "tests"]

# Inside the core, downwards only: a module imports from its own rank or below.
RANKS = [
    {"schema", "progress", "foreign", "options", "devices", "importing", "private", "quantities", "orientations"},
    {"attribution", "front", "headed", "layers", "measure", "preprocess", "attention", "anatomy", "augment", "memory"},
    {"cutouts", "datasets", "backbones", "recipes", "segmentation"},
    {
        "borrowed",
        "checkpoints",
        "archives",
        "common_beam",
        "match",
        "pictures",
        "sessions",
        "tabular",
        "overlays",
        "warp",
    },
    {"validity", "stretches", "predict", "explainers", "evaluation", "calibration", "epochs"},
    {"trust", "flips", "learning"},
    {"figures", "export"},
    {"runs", "launchers", "catalogue", "desk"},
    {"cli", "__main__", "__init__"},
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
TOUCHES_FILES = {
    "devices",  # what the system says of its processor
    "archives",
    "catalogue",
    "cutouts",
    "desk",
    "checkpoints",
    "runs",
    "export",
    "datasets",
    "recipes",
    "launchers",
    "sessions",
    "tabular",
    "cli",
    "__main__",
}
ROOMS = {  # of ui/: the pages that open each; the other files there are the hall
    "look": {"explore", "explain", "compare"},
    "attention": {"attention"},
    "anatomy": {"anatomy"},
    "sky": {"sky"},
    "source": {"source"},
    "batch": {"batch"},
    "desk": {"desk"},
    "training": {"train", "data"},
    "runs": {"runs"},
    "shelf": {"checkpoints"},
}
LARGEST_HALL = 10
HUB = "vlass_explorer/learning/network.py"
"""Where published weights are fetched; beside the archives the only door to the network."""
NETWORK = {"aiohttp", "astroquery", "ftplib", "http", "httpx", "huggingface_hub", "pyvo", "requests", "socket", "ssl"}
NETWORK |= {"socketserver", "urllib3", "websocket", "websockets", "smtplib", "paramiko", "fsspec", "s3fs", "boto3"}
FETCHES = {"create_connection", "download_file", "from_name", "hf_hub_download", "load_state_dict_from_url"}
FETCHES |= {"snapshot_download", "urlopen", "urlretrieve"}
SPEAKS_TO_ITSELF = {  # what of socket is used without leaving the machine, and where
    "vlass_explorer/runs/process.py": {"gethostname"},
    "train/ranks.py": {"socket"},  # a free port for the processes of one run
}
OWN = {"app", "pages", "ui", "train", "vlass_explorer", "tests", "benchmarks"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, relative ones made absolute."""
    package = list(path.relative_to(ROOT).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return found


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def core_part(path: Path) -> str:
    first = path.relative_to(CORE).parts[0]
    return first.removesuffix(".py")


def core_edges() -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {}
    for path in sources("vlass_explorer"):
        part = core_part(path)
        used = {name.split(".")[1] for name in imports(path) if name.startswith("vlass_explorer.")}
        edges.setdefault(part, set()).update(used & RANK.keys() - {part})
    return edges


@pytest.mark.parametrize(
    ("folders", "forbidden"),
    [
        (["vlass_explorer"], {"streamlit", "lightning", "ui", "pages", "train", "app"}),
        (["train"], {"streamlit", "ui", "pages", "app"}),
        (["ui"], {"train", "pages", "app", "lightning"}),
        (["pages"], {"train", "pages", "app", "lightning"}),
    ],
)
def test_nobody_imports_what_it_may_not(folders: list[str], forbidden: set[str]) -> None:
    wrong = {str(p.relative_to(ROOT)): tops(p) & forbidden for p in sources(*folders) if tops(p) & forbidden}
    assert not wrong


def test_train_uses_only_its_engine_and_the_core() -> None:
    for path in sources("train"):
        own = tops(path) & OWN
        assert own <= {"vlass_explorer", "train"}, path


def test_app_only_registers_pages() -> None:
    assert tops(ROOT / "app.py") <= {"streamlit", "ui", "vlass_explorer", "__future__", "pathlib", "typing"}


def test_core_imports_point_downwards() -> None:
    parts = {core_part(path) for path in sources("vlass_explorer")}
    assert parts <= RANK.keys(), f"no rank for {parts - RANK.keys()}"
    upward = [(a, b) for a, used in core_edges().items() for b in used if RANK[b] > RANK[a]]
    assert not upward


def module_edges(*folders: str) -> dict[str, set[str]]:
    """File by file: which of the modules in these folders each imports."""
    paths = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in sources(*folders)
    }

    def module_of(name: str) -> str | None:
        return name if name in paths else module_of(name.rpartition(".")[0]) if name else None

    return {name: {m for used in imports(path) if (m := module_of(used))} - {name} for name, path in paths.items()}


@pytest.mark.parametrize("edges", [core_edges(), module_edges("vlass_explorer"), module_edges("train", "ui")])
def test_no_import_circle(edges: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(part: str, trail: tuple[str, ...]) -> None:
        assert part not in trail, " -> ".join([*trail, part])
        if part not in done:
            for below in edges.get(part, ()):
                visit(below, (*trail, part))
            done.add(part)

    for part in edges:
        visit(part, ())


def room(path: Path) -> str | None:
    """The room of a file in ui/, None in the hall."""
    parts = path.relative_to(ROOT / "ui").parts
    return parts[0] if len(parts) > 1 else None


def rooms_opened(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("ui.")} & ROOMS.keys()


def test_rooms_open_onto_the_hall_only() -> None:
    """A room imports itself and the hall, the hall no room: what two rooms need moves to the hall or the core."""
    assert {room(path) for path in sources("ui")} <= {None, *ROOMS}
    wrong = {str(p.relative_to(ROOT)): opened for p in sources("ui") if (opened := rooms_opened(p) - {room(p)})}
    assert not wrong


def test_each_page_opens_its_room() -> None:
    for page in sources("pages"):
        assert rooms_opened(page) == {name for name, pages in ROOMS.items() if page.stem in pages}, page


def test_the_hall_is_small() -> None:
    assert len([path for path in (ROOT / "ui").glob("*.py")]) <= LARGEST_HALL


def test_the_formatter_is_not_overruled() -> None:
    overruled = "# fmt: " + "skip"
    count = sum(path.read_text().count(overruled) for path in [ROOT / "app.py", *sources(*FOLDERS)])
    assert count <= 10


def test_only_archives_and_the_hub_of_weights_open_connections() -> None:
    for path in [ROOT / "app.py", *sources("vlass_explorer", "train", "ui", "pages")]:
        name = str(path.relative_to(ROOT))
        if name.startswith("vlass_explorer/archives/") or name == HUB:
            continue
        reached = {dotted for dotted in imports(path) if dotted.split(".")[0] in NETWORK or "urllib.request" in dotted}
        assert reached <= ({"socket"} if name in SPEAKS_TO_ITSELF else set()), name
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "socket":
                assert node.attr in SPEAKS_TO_ITSELF[name], f"{name}:{node.lineno}"
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                assert called not in FETCHES, f"{name}:{node.lineno} calls {called}"
                for keyword in node.keywords:  # of timm: fetches the weights
                    fetches = keyword.arg == "pretrained" and getattr(keyword.value, "value", True) is not False
                    assert not fetches, f"{name}:{node.lineno}"


def test_only_named_modules_touch_files() -> None:
    calls = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "unlink", "rename", "iterdir"}
    for path in sources("vlass_explorer"):
        if core_part(path) in TOUCHES_FILES:
            continue
        assert not tops(path) & {"os", "shutil", "tempfile", "subprocess"}, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                assert name not in calls, f"{path}:{node.lineno} calls {name}"


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """What a fresh process has imported with the whole core, and after that with a training run without a logger."""
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in sources("vlass_explorer")]
    names = [m.removesuffix(".__init__") for m in modules if not m.endswith("__main__")]
    code = f"import importlib, sys\nfor n in {names!r}: importlib.import_module(n)\n"
    code += "print(*sys.modules)\nimport train.fit, train.loggers\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [{name.split(".")[0] for name in line.split(" ")} for line in done.stdout.splitlines()]


def test_importing_the_core_loads_no_streamlit_and_no_lightning(loaded: list[set[str]]) -> None:
    core, training = loaded
    assert "torch" in core and not core & {"streamlit", "lightning", "pytorch_lightning"}
    assert "lightning" in training


def test_loggers_cost_nothing_when_off(loaded: list[set[str]]) -> None:
    assert not loaded[1] & {"tensorboard", "wandb"}


def test_every_page_is_listed_in_the_app() -> None:
    listed = set(re.findall(r'^    "(\w+)": \(', (ROOT / "app.py").read_text(), flags=re.MULTILINE))
    assert listed == {path.stem for path in (ROOT / "pages").glob("*.py")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_are_short(folder: str) -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources(folder) if (n := len(p.read_text().splitlines())) > 300}
    assert not long


def test_nothing_unsafe_outside_tests() -> None:
    unsafe = re.compile(r"allow_pickle=True|pickle\.loads?\(|weights_only=False|shell=True|unsafe_allow_html=True")
    for path in [ROOT / "app.py", *sources("vlass_explorer", "train", "ui", "pages", "benchmarks")]:
        assert not unsafe.search(path.read_text()), path


def test_benchmarks_run_from_any_folder() -> None:
    """``python benchmarks/NAME.py`` puts benchmarks/ on the path, not the checkout: each adds it by itself."""
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        lines = path.read_text().splitlines()
        own = [n for n, line in enumerate(lines) if re.match(rf"(from|import) ({'|'.join(sorted(OWN))})\b", line)]
        added = [n for n, line in enumerate(lines) if line.startswith("sys.path")]
        assert not own or (added and min(added) < min(own)), path.name
