"""The engine of one machine: shards in processes of their own, one a core.

Every process does all of a shard, reading, measuring and asking, with one thread of torch: that keeps the cores busier
than threads within one image do. A process that dies (out of memory, killed) takes nothing along but the row group it
was at; its shard is begun again, three times at most.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from .. import devices
from ..progress import report
from ..schema import CatalogueError
from . import parts, plan

TRIES = 3
LOOK = 1.0  # seconds between two looks at how far it is
LOADED = "vlass_explorer.catalogue.shard"
"""What all processes of a pool share: it is loaded once, and each begins as a copy of the process that did."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(folder: Path, workers: int, device: str = "cpu", shards: Iterable[int] | None = None) -> None:
    """Answer what a folder still lacks; reports progress, and stops where a watcher raises.

    ``shards`` are those to do (all).  Raises what a shard raises, and CatalogueError for one that ends its process
    again and again; what the others have answered by then is kept.
    """
    made = plan.read(folder)
    waiting = {shard for shard in shards or range(made.shards) if not parts.is_whole(made, shard)}
    report(parts.answered(made), made.count)
    if not waiting:
        return
    for _ in range(TRIES):
        try:
            _round(made, waiting, workers, device)
        except BrokenProcessPool:
            continue
        return
    raise CatalogueError(
        f"A process ended {TRIES} times while it worked, out of memory perhaps: run the same command with fewer "
        "--workers; what is answered is kept."
    )


def _round(made: plan.Plan, waiting: set[int], workers: int, device: str) -> None:
    """Hand out shards until all are done, which leave ``waiting``; BrokenProcessPool where a process dies."""
    own = os.getpid(), dict(os.environ), str(Path.cwd())
    pool = ProcessPoolExecutor(min(workers, len(waiting)), _context(), _begin, own)
    try:
        running: dict[Future[int], int] = {
            pool.submit(_work, made.folder, shard, device): shard for shard in sorted(waiting)
        }
        while running:
            done, _ = wait(running, LOOK, FIRST_COMPLETED)
            for future in done:
                future.result()
                waiting.discard(running.pop(future))
            report(parts.answered(made), made.count)
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    """How processes begin: never as copies of this one, which may hang once torch has begun threads in it."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([LOADED])
    return context


def _begin(parent: int, environment: dict[str, str], place: str) -> None:
    """One thread a process, and no process outlives the one that asked for it, even where that one is killed."""
    # The process that this one is a copy of may have begun in another folder or environment.
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    import torch  # here and not above: the process that hands out work needs none

    torch.set_num_threads(1)
    devices.reuse_memory()  # a twelfth of a row were new pages
    copied = os.getppid()

    def watch() -> None:
        while os.getppid() == copied and _lives(parent):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _work(folder: Path, shard: int, device: str) -> int:
    from . import shard as work  # here for the same reason

    return work.run(folder, shard, devices.resolve(device))
