"""A real SLURM of one node for the tests: munge, controller and node daemon on the loopback, ended whatever happens."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

# cred_expire: a requeued job starts again only when its credential has expired, by default after two minutes; SLURM
# ignores less than five seconds.
DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=30
MinJobAge=300
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def path_to(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: make slurm installs it (Debian packages slurm-wlm and munge)")
    return found


@contextmanager
def running() -> Iterator[Path]:
    """Start the cluster and point SLURM_CONF to it; skipped with a reason where it cannot be had."""
    programs = {name: path_to(name) for name in DAEMONS}
    # Not below pytest's folder: a socket's path must be short, and munge wants folders that others cannot write.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    host = socket.gethostname().partition(".")[0]
    ports = {"controller_port": free_port(), "node_port": free_port()}
    text = CONFIGURATION.format(host=host, user=getpass.getuser(), folder=folder, **ports)
    (folder / "slurm.conf").write_text(text)
    munge = ["--foreground", "--force", "--num-threads=2", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    munge += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))

        def start(name: str, *arguments: str) -> None:
            with (folder / f"{name}.out").open("wb") as out:
                daemon = subprocess.Popen([programs[name], *arguments], stdout=out, stderr=out, cwd=folder)
            stack.callback(daemon.wait, 20)
            stack.callback(daemon.terminate)

        start("munged", *munge)
        until(lambda: (folder / "munge.socket").exists(), folder)
        start("slurmctld", "-D")
        start("slurmd", "-D", "-N", host)
        stack.callback(end_jobs)
        until(lambda: "idle" in shell("sinfo", "-h", "-o", "%T"), folder)
        yield folder


def end_jobs() -> None:
    """Cancel what a failed test left, and wait until its processes are gone."""
    deadline = time.monotonic() + 60.0
    while (jobs := shell("squeue", "-h", "-o", "%i").split()) and time.monotonic() < deadline:
        shell("scancel", *jobs)
        shell("scancel", "--signal=KILL", "--full", *jobs)
        time.sleep(0.2)


def until(condition: object, folder: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            pytest.skip(f"SLURM does not start here: {(folder / 'slurmctld.out').read_text()[-300:]}")
        time.sleep(0.1)


def shell(*words: str) -> str:
    """Output of a SLURM command, empty while it fails."""
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30).stdout
