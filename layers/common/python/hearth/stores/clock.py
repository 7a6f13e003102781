"""The time, where a flow needs it."""

from __future__ import annotations

from datetime import UTC, datetime

from hearth.domain.errors import InvalidDocument


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a moment as stored documents write it.

    Example:
        >>> stamp(datetime(2026, 11, 23, 20, 4, 5, 6000, UTC))
        '2026-11-23T20:04:05.006Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(stamped: str) -> datetime:
    """Return the moment that `stamp` wrote.

    Raises:
        InvalidDocument: If it is none.
    """
    try:
        return datetime.fromisoformat(stamped).astimezone(UTC)
    except ValueError as error:
        raise InvalidDocument("not a time", got=stamped, expected="ISO 8601") from error
