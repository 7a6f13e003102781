"""What a call on Lambda cost, read from its log."""

from __future__ import annotations

import pytest
from bench.report_line import parse

BARE = "REPORT RequestId: 8f5c\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 1769 MB\tMax Memory Used: 121 MB\t"
INIT = BARE + "Init Duration: 432.10 ms\t"
RESTORED = BARE + "Restore Duration: 650.20 ms\tBilled Restore Duration: 301 ms\t"


def test_warm_call_is_not_cold() -> None:
    """A line without an init or a restore is of a call that met a warm sandbox."""
    line = parse(f"START RequestId: 8f5c\n{{}}\nEND RequestId: 8f5c\n{BARE}\n")
    assert not line.cold
    assert (line.duration_ms, line.billed_ms, line.memory_mb, line.used_mb) == (
        12.34,
        13,
        1769,
        121,
    )
    assert line.first_answer_ms == 12.34


def test_init_is_part_of_the_first_answer() -> None:
    """A caller of a cold sandbox waits for its init and for the handler."""
    line = parse(INIT)
    assert line.cold
    assert line.init_ms == 432.10
    assert line.restore_ms == 0
    assert line.first_answer_ms == pytest.approx(444.44)


def test_restore_stands_where_an_init_would() -> None:
    """A sandbox that was restored has a restore duration, and a share of it that is billed."""
    line = parse(RESTORED)
    assert line.cold
    assert line.init_ms == 0
    assert line.billed_restore_ms == 301
    assert line.ready_ms == 650.20
    assert line.first_answer_ms == pytest.approx(662.54)


def test_xray_line_behind_the_report_is_no_part_of_it() -> None:
    """Tracing adds a line of its own behind the REPORT line, which is found all the same."""
    assert (
        parse(f"{INIT}\nXRAY TraceId: 1-5e34\tSegmentId: 2c9d\tSampled: true\t\n").init_ms == 432.10
    )


def test_last_line_of_two_counts() -> None:
    """Of a log with two calls, the last one's figures are returned."""
    assert not parse(f"{INIT}\n{BARE}\n").cold


def test_log_without_report_is_refused_with_its_end() -> None:
    """A log that was cut before its REPORT line is an error that shows what there was."""
    with pytest.raises(ValueError, match="no REPORT line: got 'Task timed out'"):
        parse("Task timed out")
