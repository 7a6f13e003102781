"""Connections that are kept: opening one costs a handshake, which is longer than most answers."""

from __future__ import annotations

import select
import time
from functools import cache
from typing import TYPE_CHECKING

from hearth.domain.frozen import dataclass
from hearth.stores.aws_errors import Unanswered
from hearth.stores.http_connection import Connection

if TYPE_CHECKING:
    from ssl import SSLContext

_CONNECT_S, _READ_S = 2.0, 5.0
_MOST_IDLE = 16
# A sandbox may have been frozen since: what was open then may lead nowhere, and silence is noticed
# after the read timeout alone.
_MOST_IDLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect. `port` None for the scheme's own, `ca_bundle` empty for the system's."""

    secure: bool
    host: str
    port: int | None = None
    ca_bundle: str = ""

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.authority}"


def open_connection(address: Address) -> Connection:
    """Return a new connection. Whatever leaves this process past botocore leaves it here."""
    tls = _tls(address.ca_bundle) if address.secure else None
    port = address.port or (443 if address.secure else 80)
    connection = Connection(address.host, port, _CONNECT_S, tls)
    try:
        connection.connect()
        if connection.sock is not None:
            connection.sock.settimeout(_READ_S)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _tls(ca_bundle: str) -> SSLContext:
    # Reading the authorities takes tens of milliseconds, and the import a few.
    from ssl import create_default_context

    return create_default_context(cafile=ca_bundle or None)


class Connections:
    """Idle connections by address. Safe for threads: whoever takes one has it alone."""

    def __init__(self) -> None:
        self._idle: dict[Address, list[tuple[Connection, float]]] = {}

    def take(self, address: Address) -> tuple[Connection, bool]:
        """Return a connection, and whether it was used before.

        Raises:
            Unanswered: If none can be opened.
        """
        idle = self._idle.get(address, [])
        while idle:
            try:
                connection, since = idle.pop()
            except IndexError:  # another thread took the last one
                break
            if time.monotonic() - since < _MOST_IDLE_S and not _has_ended(connection):
                return connection, True
            connection.close()
        return self.open(address), False

    def open(self, address: Address) -> Connection:
        try:
            return open_connection(address)
        except OSError as error:
            raise Unanswered(f"{address}: {error}") from error

    def give_back(self, address: Address, connection: Connection) -> None:
        idle = self._idle.setdefault(address, [])
        if connection.sock is None or len(idle) >= _MOST_IDLE:
            connection.close()
        else:
            idle.append((connection, time.monotonic()))

    def forget(self, address: Address) -> None:
        """Close what is idle: where one connection was stale, its neighbours are."""
        for connection, _ in self._idle.pop(address, []):
            connection.close()

    def close(self) -> None:
        for address in list(self._idle):
            self.forget(address)


def _has_ended(connection: Connection) -> bool:
    """Return whether the other side hung up: nothing else is there to read of an idle one."""
    if connection.sock is None:
        return True
    waiting = select.poll()
    waiting.register(connection.sock, select.POLLIN)
    return bool(waiting.poll(0))


@cache
def connections() -> Connections:
    """Return those of this process."""
    return Connections()
