"""Figures as people read them: never more digits than they carry."""

from __future__ import annotations

import math

UNKNOWN = "–"  # stands where there is no figure


def whole(value: float) -> str:
    """Return a count with its thousands set apart.

    Example:
        >>> whole(1234567)
        '1,234,567'
    """
    return f"{value:,.0f}" if math.isfinite(value) else UNKNOWN


def number(value: float) -> str:
    """Return a number with three digits that count.

    Example:
        >>> [number(v) for v in (0, 0.91234, 1234.5, 0.00001234, 2e9, float("nan"))]
        ['0', '0.912', '1,234', '1.23e-05', '2e+09', '–']
    """
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e7):
        return f"{value:.3g}"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip("0").rstrip(".") if size else "0"


def rounded(value: float) -> str:
    """Return a metric: three decimals under ten, so that figures below each other compare.

    Example:
        >>> rounded(0.9), rounded(53.27), rounded(1e9)
        ('0.900', '53.3', '1e+09')
    """
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def share(part: float) -> str:
    """Return a share in per cent; what is not nothing is never shown as nothing.

    Example:
        >>> [share(v) for v in (0, 0.00004, 0.0123, 0.5, 0.99999, 1)]
        ['0%', '<0.1%', '1.2%', '50%', '>99.9%', '100%']
    """
    if not math.isfinite(part):
        return UNKNOWN
    if 0 < part < 0.001:
        return "<0.1%"
    if 0.999 < part < 1:
        return ">99.9%"
    return f"{part:.1%}".replace(".0%", "%")


def seconds(value: float) -> str:
    """Return a time in the unit that suits it.

    Example:
        >>> [seconds(v) for v in (0.00005, 0.0123, 1.5, 95)]
        ['50 µs', '12.3 ms', '1.5 s', '95 s']
    """
    if not math.isfinite(value):
        return UNKNOWN
    for unit, factor in (("µs", 1e6), ("ms", 1e3)):
        if 0 < value * factor < 999.5:
            return f"{number(value * factor)} {unit}"
    return f"{number(value)} s"


def size(value: float) -> str:
    """Return bytes in the unit that suits them.

    Example:
        >>> size(512), size(2048), size(3.5e6)
        ('512 B', '2.05 kB', '3.5 MB')
    """
    for unit, factor in (("B", 1), ("kB", 1e3), ("MB", 1e6)):
        if value < 999.5 * factor:
            return f"{number(value / factor)} {unit}"
    return f"{number(value / 1e9)} GB" if math.isfinite(value) else UNKNOWN


def chance(p: float) -> str:
    """Return a p-value; under one in ten thousand only how small it is.

    Example:
        >>> chance(0.0123), chance(3.2e-12), chance(0.0)
        ('0.012', '3e-12', 'under 1e-300')
    """
    if p != p:  # noqa: PLR0124 (NaN)
        return UNKNOWN
    if p >= 1e-4:
        return f"{p:.2g}"
    return f"{p:.0e}".replace("e-0", "e-") if p > 1e-300 else "under 1e-300"


def interval(low: float, high: float) -> str:
    """Return where a value lies with a chance of 95%; "" where that cannot be told."""
    return f"{rounded(low)} to {rounded(high)}" if low == low and high == high else ""  # noqa: PLR0124


def plural(count: int, word: str, several: str = "") -> str:
    """Return a count with its word.

    Example:
        >>> plural(1, "row"), plural(1200, "row"), plural(2, "class", "classes")
        ('1 row', '1,200 rows', '2 classes')
    """
    return f"{whole(count)} {word if count == 1 else several or word + 's'}"
