"""The REPORT line that Lambda ends a call's log with: what a call cost."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIGURE = re.compile(r"(?:^|\t)([A-Z][A-Za-z ]+): ([\d.]+) (?:ms|MB)")


@dataclass(frozen=True, slots=True)
class ReportLine:
    """The figures of one call.

    Args:
        duration_ms: The handler's.
        billed_ms: What is paid for: since August 2025 with the init.
        memory_mb: Configured.
        used_mb: The most that the sandbox ever used.
        init_ms: The sandbox's init, 0 where the call did not wait for one.
        restore_ms: The same where a snapshot was restored; Lambda says one or the other.
        billed_restore_ms: What of it is paid for.
    """

    duration_ms: float
    billed_ms: float
    memory_mb: float
    used_mb: float
    init_ms: float = 0.0
    restore_ms: float = 0.0
    billed_restore_ms: float = 0.0

    @property
    def cold(self) -> bool:
        return self.ready_ms > 0

    @property
    def ready_ms(self) -> float:
        """What passed before the handler was called."""
        return self.init_ms + self.restore_ms

    @property
    def first_answer_ms(self) -> float:
        """What a caller waited for: an init alone would reward whoever puts things off."""
        return self.ready_ms + self.duration_ms


def parse(log: str) -> ReportLine:
    """Return the figures of the last REPORT line.

    Source: AWS Lambda's guide, "Viewing CloudWatch logs for Python" and "Monitoring for SnapStart":
    fields are separated by tabs; a restored sandbox has `Restore Duration` in place of `Init
    Duration`.

    Raises:
        ValueError: If the log has none; it ends with the line, so a tail of 4 KB has it.

    Example:
        >>> parse("REPORT RequestId: 1\\tDuration: 2.50 ms\\tBilled Duration: 3 ms\\t"
        ...       "Memory Size: 512 MB\\tMax Memory Used: 90 MB\\tInit Duration: 400.00 ms").first_answer_ms
        402.5
    """
    lines = [line for line in log.splitlines() if line.startswith("REPORT RequestId: ")]
    if not lines:
        raise ValueError(f"no REPORT line: got {log[-200:]!r}, expected one at the end of the log")
    found = {name: float(value) for name, value in _FIGURE.findall(lines[-1])}
    return ReportLine(
        duration_ms=found["Duration"],
        billed_ms=found["Billed Duration"],
        memory_mb=found["Memory Size"],
        used_mb=found["Max Memory Used"],
        init_ms=found.get("Init Duration", 0.0),
        restore_ms=found.get("Restore Duration", 0.0),
        billed_restore_ms=found.get("Billed Restore Duration", 0.0),
    )
