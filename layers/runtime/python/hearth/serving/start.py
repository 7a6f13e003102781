"""A predict process's start: one half before its imports, one behind them, one after a restore."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from hearth.serving.ahead import Ahead
from hearth.serving.memory import limit_growth
from hearth.serving.numpy_import import import_numpy
from hearth.serving.stock import Stock

if TYPE_CHECKING:
    from hearth.serving.worker import Worker

SNAPSHOT = "snap-start"
"""The kind of start behind which a snapshot is taken."""


def begin(stock: Stock, kind: str) -> Ahead:
    """Have the bucket's answers come while the caller goes on importing.

    Args:
        stock: What is filled.
        kind: What Lambda calls this start.
    """
    ahead = Ahead(stock, snapshot=kind == SNAPSHOT)
    ahead.start()
    import_numpy()
    return ahead


def finish(ahead: Ahead, worker: Worker, disconnect: Callable[[], None]) -> None:
    """Open what was fetched; where a snapshot follows, make it one to begin from at any time.

    Args:
        ahead: What `begin` returned.
        worker: What answers requests.
        disconnect: Closes connections and forgets credentials: both are made again when needed.
    """
    limit_growth(worker.memory_mb)
    worker.preload(ahead.fetched())
    if ahead.snapshot:
        _be_restorable(worker, disconnect)
    # It is not to be looked through for garbage between two requests either.
    gc.freeze()
    gc.enable()


def _be_restorable(worker: Worker, disconnect: Callable[[], None]) -> None:
    import random

    from snapshot_restore_py import register_after_restore, register_before_snapshot

    def before_snapshot() -> None:
        # Whichever a restored process is asked in, it is there.
        from hearth.serving import examples, open_inference, tf_serving  # noqa: F401

        worker.prime()
        disconnect()

    def after_restore() -> None:
        # Every process of a snapshot would draw the same numbers.
        random.seed()
        worker.renew()

    register_before_snapshot(before_snapshot)
    register_after_restore(after_restore)
