"""What a record's rows hold of one feature or outcome of one example."""

from __future__ import annotations

Value = float | str | None
"""None is a value that is missing."""

NAN, INFINITY, NEGATIVE_INFINITY = "NaN", "Infinity", "-Infinity"
"""How they write numbers that JSON does not have."""
