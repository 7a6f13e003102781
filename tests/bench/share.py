"""Less than a processor: what Lambda gives a small memory size, by the kernel's quota of CPU time.

Source: AWS Lambda's guide, "Configure function memory": CPU grows with memory, one vCPU at 1,769 MB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.sandbox import Worker

ONE_CPU_MB = 1769
# How often the quota is renewed: short, so that a wait for it is short, too.
_PERIOD_US = 20_000
_ROOT = Path("/sys/fs/cgroup")
_NAME = "hearth-bench"
# The shell joins the group and becomes the worker, which has then never run outside it.
_JOIN = 'echo $$ > "$0" && exec "$@"'


class CannotLimit(Exception):
    """This machine does not let this user limit a process's CPU time; it says why."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a processor.

    Args:
        memory_mb: The memory size that stands for it.
        processes: The file that takes the ids of the processes to be limited; None for no limit.
        boosted: Whether the limit comes with the first event: Lambda gives an init more.
    """

    memory_mb: int = ONE_CPU_MB
    processes: Path | None = None
    boosted: bool = False

    def limiting(self, worker: Worker) -> Worker:
        if self.processes is None or self.boosted:
            return worker
        join = ["/bin/sh", "-c", _JOIN, str(self.processes)]
        return replace(worker, command=[*join, *worker.command])

    def limit(self, pid: int) -> None:
        """Limit a process from now on, where it is not limited yet."""
        if self.processes is not None and self.boosted:
            self.processes.write_text(str(pid))


WHOLE = Share()


@contextmanager
def of(memory_mb: int) -> Iterator[Share]:
    """Give the share of a processor that a memory size has.

    Raises:
        CannotLimit: Where the kernel or its owner does not allow it.
    """
    group = _folder() / f"{_NAME}-{os.getpid()}-{memory_mb}"
    quota = round(_PERIOD_US * memory_mb / ONE_CPU_MB)
    try:
        group.mkdir(exist_ok=True)
    except OSError as error:
        raise CannotLimit(f"no group of processes can be made: {error}") from error
    try:
        _limit(group, quota)
        yield Share(memory_mb, group / "cgroup.procs")
    finally:
        group.rmdir()


def _folder() -> Path:
    """Return where the kernel's controller of CPU time lies: version 1 has a folder for it."""
    first = _ROOT / "cpu"
    return first if first.is_dir() else _ROOT


def _limit(group: Path, quota_us: int) -> None:
    try:
        if (group / "cpu.cfs_quota_us").is_file():
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
            return
        if not (group / "cpu.max").is_file():
            (group.parent / "cgroup.subtree_control").write_text("+cpu")
        (group / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}")
    except OSError as error:
        raise CannotLimit(f"CPU time cannot be limited: {error}") from error
