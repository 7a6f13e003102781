"""What will be asked for, fetched before anybody asks, while the process is still importing."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

from hearth.domain.errors import HearthError
from hearth.domain.routing import Route, Target
from hearth.serving.openings import openings
from hearth.serving.stock import Stock

AUTO, NOTHING = "auto", "none"
# Of a larger bucket, nobody could say what will be asked for.
_MOST = 1000
# Lambda ends a start after 10 s, and begins it again at the cost of the first request.
PATIENCE_S = 6.0
# A start whose snapshot is kept has minutes; it is waited for where somebody deploys.
SNAPSHOT_PATIENCE_S = 120.0


class Ahead:
    """Fills a stock with the stable versions of models, in a thread of its own.

    Args:
        stock: What is filled; its settings say with which models, and with how many bytes of them.
        snapshot: Whether the process is kept as it is after its start, for many to begin from.
    """

    def __init__(self, stock: Stock, *, snapshot: bool) -> None:
        self.stock = stock
        self._preload, self._budget = stock.settings.preload, stock.settings.cache_mb << 20
        self.snapshot = snapshot
        self._until = time.monotonic() + (SNAPSHOT_PATIENCE_S if snapshot else PATIENCE_S)
        self._fetched: list[Route] = []
        self._thread = threading.Thread(target=self._fetch_all, name="ahead", daemon=True)
        stock.fill(self._thread.join)

    def start(self) -> None:
        self._thread.start()

    def fetched(self) -> list[Route]:
        """Return what is there, as soon as that is all, or when the start must not last longer."""
        self._thread.join(max(0.0, self._until - time.monotonic()))
        return list(self._fetched)

    def _fetch_all(self) -> None:
        try:
            for model in self._wanted():
                if self._budget <= 0 or time.monotonic() > self._until:
                    return
                self._fetch(model)
        except Exception as error:  # noqa: BLE001 (whoever asks for the model is told)
            _tell("models", error)

    def _wanted(self) -> Iterator[str]:
        """Yield names: those that the settings give, or what can be told without them.

        On demand, a process starts for the sake of one request. Unless there is one model alone,
        another's would keep it waiting.
        """
        if self._preload == NOTHING:
            return
        if self._preload != AUTO:
            yield from filter(None, self._preload.replace(",", " ").split())
            return
        if self.snapshot:
            yield from self.stock.registry.first(_MOST)
            return
        names = self.stock.registry.first(2)
        if len(names) == 1:
            yield from names

    def _fetch(self, model: str) -> None:
        try:
            route = self.stock.catalogue.route(Target(model), "")
            read = self.stock.read(route)
            [best, *_] = openings(read.manifest)
            self._budget -= best.size
            if self._budget < 0:
                return
            self.stock.files.place(read, best.roles)
            self.stock.keep(read)
            self._fetched.append(route)
        except HearthError as error:
            _tell(model, error)


def _tell(what: str, error: Exception) -> None:
    print(f"{what} not fetched ahead: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
