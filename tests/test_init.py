"""The public names of the package, and that asking for the package alone stays cheap."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vlass_explorer


@pytest.mark.parametrize("name", vlass_explorer.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(vlass_explorer, name)
    if name != "__version__":
        assert found is importlib.import_module(f"vlass_explorer.{name}")
        assert (found.__doc__ or "").strip(), f"{name} says nothing about itself"
    assert name in dir(vlass_explorer)


def test_every_module_is_public_or_known_as_an_entry() -> None:
    folder = Path(vlass_explorer.__file__).parent
    parts = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert parts - {"__init__", "__main__", "cli"} == set(vlass_explorer.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'colour'"):
        vlass_explorer.colour  # noqa: B018


def test_the_version_is_that_of_the_project_file(repo_root: Path) -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (repo_root / "pyproject.toml").read_text(), re.MULTILINE)
    assert vlass_explorer.__version__ == version


def test_importing_the_package_loads_nothing_that_is_slow(repo_root: Path) -> None:
    slow = {"torch", "timm", "plotly", "matplotlib", "astropy", "pydantic"}
    code = f"import sys, vlass_explorer; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_example_of_the_docstring_names_what_exists() -> None:
    names = re.search(r"from vlass_explorer import (.+)", vlass_explorer.__doc__ or "")
    assert names is not None
    assert set(names[1].split(", ")) <= set(vlass_explorer.__all__)
