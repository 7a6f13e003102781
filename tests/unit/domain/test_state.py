"""The life of a version."""

from __future__ import annotations

import pytest
from hearth.domain.errors import TransitionRefused
from hearth.domain.state import ALLOWED, State, advance

PATHS = [(one, other) for one in State for other in State]


@pytest.mark.parametrize(("one", "other"), [path for path in PATHS if path[1] in ALLOWED[path[0]]])
def test_advance_gives_the_wanted_state_where_it_is_allowed(one, other):
    """An allowed step is the state it leads to."""
    assert advance(one, other, "m version 1") is other


@pytest.mark.parametrize(
    ("one", "other"), [path for path in PATHS if path[1] not in ALLOWED[path[0]]]
)
def test_advance_refuses_every_other_step(one, other):
    """A step that is not in the table names what was wanted, and from where it would go."""
    with pytest.raises(TransitionRefused, match=f"m version 1 cannot become {other}: got {one}"):
        advance(one, other, "m version 1")


def test_available_is_reached_through_loading_alone():
    """Nothing is served that was not loaded."""
    assert [one for one in State if State.AVAILABLE in ALLOWED[one]] == [State.LOADING]


def test_every_state_can_be_loaded_again():
    """Nothing is for ever: each state leads back to LOADING."""
    assert all(State.LOADING in reachable for reachable in ALLOWED.values())
