"""The REPORT line that Lambda writes after each call."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one call; `init_ms` is zero in all but a worker's first."""

    request_id: str
    duration_ms: float
    init_ms: float
    memory_mb: int
    peak_mb: float
    status: str = ""

    def __str__(self) -> str:
        figures = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(self.duration_ms + self.init_ms)} ms",
            f"Memory Size: {self.memory_mb} MB",
            f"Max Memory Used: {math.ceil(self.peak_mb)} MB",
        ]
        if self.init_ms:
            figures.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.status:
            figures.append(f"Status: {self.status}")
        return "\t".join(figures)
