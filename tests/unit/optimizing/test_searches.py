"""Who may look for a variant, and what becomes of a search that somebody else is at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hearth.domain.optimization import Wish
from hearth.optimizing.report import ACCEPTED, DONE, Report
from hearth.optimizing.searches import Held, Search, Searches, SearchLost, kept_key, latest_key

WISH = Wish(version=3)
REPORT = Report("digits", 3, id="a1", started_at="2026-11-25T09:00:00Z")


def search(id_: str = "a1", attempt: str = "first") -> Search:
    return Search(id_, attempt, "", WISH, REPORT)


@pytest.fixture
def searches(documents, clock) -> Searches:
    return Searches(documents, clock)


def begun(searches: Searches, **named: str) -> Held:
    held = searches.begin(search(**named), 900)
    assert isinstance(held, Held)
    return held


def test_a_search_is_found_as_it_was_begun(searches):
    """Whoever looks sees the wish, who holds it and what is known."""
    begun(searches)
    found = searches.find("digits", 3)
    assert (found.attempt, found.wish, found.report) == ("first", WISH, REPORT)


def test_a_search_that_somebody_is_at_is_left_to_them(searches):
    """A duplicate of the event, in another sandbox, begins nothing."""
    begun(searches)
    assert searches.begin(search(attempt="second"), 900).attempt == "first"


def test_a_search_of_another_wish_waits_for_the_one_that_goes_on(searches):
    """Two searches at once would disturb each other's figures, and write over each other."""
    begun(searches)
    assert searches.begin(search("b2", "second"), 900).id == "a1"


def test_a_search_whose_holder_died_is_taken_over(searches, clock):
    """After its deadline nobody can be at it: Lambda has stopped them."""
    begun(searches)
    clock.forward(seconds=901)
    assert begun(searches, attempt="second").before.attempt == "first"


def test_the_same_attempt_takes_its_own_search_up_again(searches):
    """AWS's retry of a failed call keeps its request id."""
    begun(searches)
    assert begun(searches).search.attempt == "first"


def test_a_search_that_has_ended_is_not_made_again(searches):
    """The same wish for the same version has been answered."""
    begun(searches).end(replace(REPORT, state=DONE, verdict=ACCEPTED))
    assert searches.begin(search(attempt="second"), 900).report.verdict == ACCEPTED


def test_a_new_wish_after_the_end_is_a_new_search(searches):
    """Another objective is another question."""
    begun(searches).end(replace(REPORT, state=DONE, verdict=ACCEPTED))
    assert begun(searches, id_="b2", attempt="second").before.id == "a1"


def test_who_was_taken_over_writes_no_more(searches, clock):
    """A sandbox that wakes up late must not publish what another one looks for."""
    first = begun(searches)
    clock.forward(seconds=901)
    begun(searches, attempt="second")
    with pytest.raises(SearchLost, match="another search for a variant of digits version 3"):
        first.write(replace(REPORT, chosen="int8"))


def test_the_end_of_a_search_is_kept_beside_the_newest(searches, documents):
    """The next search writes over the newest report, and not over what a lineage names."""
    begun(searches).end(replace(REPORT, state=DONE, verdict=ACCEPTED))
    begun(searches, id_="b2", attempt="second")
    assert documents.read(kept_key("digits", 3, "a1")) is not None


def test_a_write_that_was_sent_twice_is_no_loss(searches, documents):
    """An answer that got lost makes botocore send again, and the second finds the first."""
    held = begun(searches)
    stale = held.etag
    held.write(replace(REPORT, chosen="int8"))
    held.etag = stale
    held.write(replace(REPORT, chosen="int8"))
    assert searches.find("digits", 3).report.chosen == "int8"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"schema": "hearth.search/1"}', b"[1]", b"\xff"])
def test_a_search_that_cannot_be_read_is_as_none(searches, documents, body):
    """Something else wrote there: the next search writes over it."""
    documents.create(latest_key("digits", 3), body)
    assert searches.find("digits", 3) is None
    assert begun(searches).before is None


def test_wishes_have_one_name_each():
    """The same wish for the same files is one search; whatever differs makes it another."""
    wishes = [
        Wish(1),
        Wish(2),
        Wish(1, "size"),
        Wish(1, max_loss=0.02),
        Wish(1, recipes=("fp16",)),
        Wish(1, publish=False),
        Wish(1, force="now"),
        Wish(1, batches=(8,)),
    ]
    assert len({wish.id("f" * 64) for wish in wishes}) == len(wishes)
    assert Wish(1).id("f" * 64) == Wish(1).id("f" * 64) != Wish(1).id("e" * 64)
