"""What benchmarks of two builds share: the one before, from git, and a process of each that is asked in turns."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def add_option(parser: argparse.ArgumentParser) -> None:
    """``--before REVISION``, the commit before unless said."""
    parser.add_argument("--before", default="HEAD~1", help="git revision of the build before (HEAD~1)")


@contextmanager
def build_before(revision: str) -> Iterator[Path]:
    """The folder of the checkout at a revision, which goes at the end."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "before"
        subprocess.run([*git, "add", "--detach", "--quiet", str(root), revision], check=True)
        try:
            yield root
        finally:
            subprocess.run([*git, "remove", "--force", str(root)], check=True)


def started(script: str, root: Path, *words: str) -> subprocess.Popen[str]:
    """A process of the build in ``root`` that runs a benchmark with ``--serve`` and waits for lines of work."""
    shared = {"VLASS_EXPLORER_CHECKPOINTS": str(ROOT / "checkpoints"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(Path(script).resolve()), "--serve", str(root), *words],
        cwd=root,
        env=os.environ | shared,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ask(build: subprocess.Popen[str], line: str = "") -> str:
    """Send a line, if any, and return the answer."""
    assert build.stdin is not None and build.stdout is not None
    if line:
        print(line, file=build.stdin, flush=True)
    answer = build.stdout.readline().strip()
    if not answer:
        raise SystemExit("A build ended before it answered.")
    return answer


def end(builds: Sequence[subprocess.Popen[str]]) -> None:
    """End the processes."""
    for build in builds:
        build.kill()
        build.wait()
