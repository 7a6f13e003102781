"""What figures were measured on."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path


def described() -> str:
    """Return the machine in a line: processor, memory, kernel, Python, and the day."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} x {_processor()}, {memory:.0f} GB of memory, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )


def _processor() -> str:
    try:
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*: (.+)$", listed, re.MULTILINE)
    family = re.search(r"^cpu family\s*: (.+)$", listed, re.MULTILINE)
    model = re.search(r"^model\s*: (.+)$", listed, re.MULTILINE)
    name = named[1] if named else platform.machine()
    return f"{name} (family {family[1]}, model {model[1]})" if family and model else name
