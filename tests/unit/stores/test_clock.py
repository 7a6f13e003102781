"""Times as stored documents write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hearth.domain.errors import InvalidDocument
from hearth.stores.clock import SystemClock, moment, stamp


def test_stamp_is_utc_to_the_millisecond():
    """Whatever the zone, one spelling: stamps sort as times do."""
    east = timezone(timedelta(hours=2))
    assert stamp(datetime(2026, 11, 23, 22, 4, 5, 6789, east)) == "2026-11-23T20:04:05.006Z"


def test_moment_reads_what_stamp_wrote():
    """A stamp comes back as the time that it was, cut to the millisecond."""
    now = SystemClock().now()
    assert timedelta(0) <= now - moment(stamp(now)) < timedelta(milliseconds=1)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00:00Z"])
def test_moment_refuses_what_is_no_time(text):
    """A stored time that is none is a damaged document, not a crash."""
    with pytest.raises(InvalidDocument, match="not a time"):
        moment(text)


def test_system_clock_knows_its_zone():
    """A time without a zone could not be compared."""
    assert SystemClock().now().tzinfo is UTC
