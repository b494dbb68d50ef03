"""The engine of a Dask cluster, for those who have one running: the same function, the same parts, the same merge.

``distributed`` is an extra (``pip install vlass-explorer[dask]``).  A worker that dies takes nothing along but the row
group it was at: the scheduler gives its shard to another, which goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..foreign import mapped, reason
from ..progress import report
from ..schema import CatalogueError
from . import parts, plan

LOCAL = "local"
"""In place of an address: a cluster of this machine's cores, for as long as the work takes."""
LOOK = 1.0  # seconds between two looks at how far it is
WAIT = 20.0  # seconds in which a scheduler has to answer


def run(folder: Path, scheduler: str, workers: int, device: str = "cpu") -> None:
    """Answer what a folder lacks on the workers of a scheduler's address, which see the folder under the same path.

    Raises CatalogueError where ``distributed`` is not installed, nobody answers there, a shard ends its worker again
    and again, or a shard says so itself; what the others have answered is kept.
    """
    made = plan.read(folder)
    waiting = [shard for shard in range(made.shards) if not parts.is_whole(made, shard)]
    report(parts.answered(made), made.count)
    if not waiting:
        return
    with _client(scheduler, workers) as client:
        with mapped(_failed):
            # Not pure: a shard that was done and whose part was removed since is done again.
            running = client.map(work, [folder.absolute()] * len(waiting), waiting, device=device, pure=False)
        while running:
            done, running = _look(running)
            with mapped(_failed):
                for future in done:
                    future.result()
            report(parts.answered(made), made.count)


def work(folder: Path, shard: int, device: str) -> int:
    """A shard on a worker, with one thread of torch, as in the pool."""
    import torch  # here and not above: whoever hands out work needs none

    from . import shard as of

    torch.set_num_threads(1)
    return of.run(folder, shard, device)


def _look(running: list[Any]) -> tuple[list[Any], list[Any]]:
    """What is done after a moment, and what still runs."""
    from distributed import wait

    try:
        found = wait(running, timeout=LOOK, return_when="FIRST_COMPLETED")
    except TimeoutError:
        return [], running
    return list(found.done), list(found.not_done)


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[Any]:
    try:
        import distributed
    except ImportError as error:
        raise CatalogueError("Dask is not installed here: pip install 'vlass-explorer[dask]'.") from error
    with mapped(lambda error: CatalogueError(f"No Dask scheduler answers at {scheduler} ({reason(error)}).")):
        if scheduler == LOCAL:
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
            )
        else:
            cluster = None
        client = distributed.Client(cluster or scheduler, timeout=WAIT)
    try:
        yield client
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _failed(error: Exception) -> CatalogueError:
    if type(error).__name__ == "KilledWorker":
        return CatalogueError(
            "A shard ended its Dask worker again and again, out of memory perhaps: give the workers more and run the "
            "same command again; what is answered is kept."
        )
    return CatalogueError(f"The Dask cluster failed ({reason(error)}): run the same command again, it goes on.")
