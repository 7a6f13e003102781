"""The life of a version, in TensorFlow Serving's words."""

from __future__ import annotations

from enum import StrEnum

from hearth.domain.errors import TransitionRefused


class State(StrEnum):
    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


ALLOWED: dict[State, frozenset[State]] = {
    State.START: frozenset({State.LOADING, State.END}),
    State.LOADING: frozenset({State.LOADING, State.AVAILABLE, State.END}),
    State.AVAILABLE: frozenset({State.LOADING, State.UNLOADING}),
    State.UNLOADING: frozenset({State.END, State.LOADING}),
    State.END: frozenset({State.LOADING}),
}


def advance(current: State, wanted: State, what: str) -> State:
    """Return `wanted`.

    Raises:
        TransitionRefused: If a version cannot go there from `current`.

    Example:
        >>> advance(State.START, State.AVAILABLE, "digits version 1")
        Traceback (most recent call last):
        hearth.domain.errors.TransitionRefused: digits version 1 cannot become AVAILABLE: ...
    """
    if wanted not in ALLOWED[current]:
        raise TransitionRefused(
            f"{what} cannot become {wanted}",
            got=str(current),
            expected="one of " + ", ".join(s for s in State if wanted in ALLOWED[s]),
        )
    return wanted
