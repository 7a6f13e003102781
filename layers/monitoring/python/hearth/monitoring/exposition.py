"""Prometheus' two text formats: how families of samples are written, and which one is asked for.

Source:
    Prometheus text exposition format 0.0.4; OpenMetrics 1.0.0, sections "Text Format" and
    "Metric Types": counters are declared without `_total`, `_created` stands beside them and
    beside histograms, the last line is `# EOF`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from hearth.monitoring.traffic import Histogram

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END = "# EOF\n"

COUNTER, GAUGE, HISTOGRAM, INFO = "counter", "gauge", "histogram", "info"
_SUFFIXES = {COUNTER: "_total", INFO: "_info"}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_PLACE = "\0"  # where a template takes labels: no label's value keeps one


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: what all its samples share.

    Args:
        name: Without `_total` or `_info`.
        kind: `counter`, `gauge`, `histogram` or `info`.
        help: What it is, in a sentence; "" for none.
        unit: What the name ends with, where it ends with a unit.
        bare: A counter whose samples have its name as it is, which OpenMetrics does not allow.
    """

    name: str
    kind: str
    help: str = ""
    unit: str = ""
    bare: bool = False

    @property
    def sample(self) -> str:
        """The name of its samples; of a histogram, what they begin with."""
        return self.name + ("" if self.bare else _SUFFIXES.get(self.kind, ""))


class Sample(NamedTuple):  # made a hundred thousand times a scrape: half a frozen dataclass's time
    """One value of a counter, gauge or info.

    Args:
        labels: As `labels` writes them.
        value: The value.
        created_ms: When a counter began, in milliseconds since 1970; 0 where that is not known.
    """

    labels: str
    value: float
    created_ms: int = 0


class Distribution(NamedTuple):
    """One histogram of a family; `created_ms` as for samples."""

    labels: str
    histogram: Histogram
    created_ms: int = 0


@lru_cache(maxsize=4096)
def label(name: str, value: str) -> str:
    """Return one label; few of them stand in many lines."""
    return f'{name}="{_escape(value)}"'


def labels(values: Mapping[str, object]) -> str:
    r"""Return labels as they stand between braces.

    Example:
        >>> labels({"model": "digits", "feature": 'a "b"'})
        'model="digits",feature="a \\"b\\""'
    """
    return ",".join(label(name, str(value)) for name, value in values.items())


def _escape(value: str) -> str:
    # A lone surrogate is no UTF-8, and a NUL ends strings elsewhere.
    if value.isascii() and value.isprintable():
        return value.translate(_ESCAPES)
    text = value.encode(errors="replace").decode().replace(_PLACE, "\N{REPLACEMENT CHARACTER}")
    return text.translate(_ESCAPES)


def number(value: float) -> str:
    """Return a number as Prometheus' own libraries write it.

    Example:
        >>> number(3), number(0.00001), number(2.0**30), number(math.inf), number(math.nan)
        ('3', '1e-05', '1.073741824e+09', '+Inf', 'NaN')
    """
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    whole = text.find(".")
    if value >= 1e6 and whole > 0 and "e" not in text:
        digits = f"{text[0]}.{text[1:whole]}{text[whole + 1 :]}".rstrip("0").rstrip(".")
        return f"{digits}e+{whole - 1:02}"
    return text


def head(family: Family, *, openmetrics: bool) -> str:
    """Return the lines that declare a family."""
    name = family.name if openmetrics else family.sample
    kind = GAUGE if family.kind == INFO and not openmetrics else family.kind
    lines = [f"# HELP {name} {family.help}\n"] if family.help else []
    lines.append(f"# TYPE {name} {kind}\n")
    if openmetrics and family.unit:
        lines.append(f"# UNIT {name} {family.unit}\n")
    return "".join(lines)


def samples(family: Family, found: Iterable[Sample], *, openmetrics: bool) -> Iterator[str]:
    """Yield the text of a family of counters, gauges or infos; nothing where there is none."""
    created = openmetrics and family.kind == COUNTER
    begun = False
    for item in found:
        if not begun:
            begun = True
            yield head(family, openmetrics=openmetrics)
        braced = f"{{{item.labels}}}" if item.labels else ""
        yield f"{family.sample}{braced} {number(item.value)}\n"
        if created and item.created_ms:
            yield f"{family.name}_created{braced} {item.created_ms / 1000!r}\n"


def bound_texts(bounds: Iterable[float]) -> tuple[str, ...]:
    return (*map(number, bounds), "+Inf")


def histograms(
    family: Family, bounds: tuple[str, ...], found: Iterable[Distribution], *, openmetrics: bool
) -> Iterator[str]:
    """Yield the text of a family of histograms, buckets cumulative; nothing where there is none.

    Args:
        family: The family.
        bounds: As `bound_texts` writes them.
        found: Histograms over these bounds.
        openmetrics: Which format.
    """
    # One template a family, filled twice: labels by replacement, which is a copy in C, then all
    # numbers at once.
    template = _template(family.name, bounds)
    begun = False
    for item in found:
        if not begun:
            begun = True
            yield head(family, openmetrics=openmetrics)
        counts = tuple(accumulate(item.histogram.buckets))
        labelled = template.replace(_PLACE, item.labels.replace("%", "%%"))
        yield labelled % (*counts, counts[-1], number(item.histogram.sum))
        if openmetrics and item.created_ms:
            yield f"{family.name}_created{{{item.labels}}} {item.created_ms / 1000!r}\n"


def _template(name: str, bounds: tuple[str, ...]) -> str:
    buckets = (f'{name}_bucket{{{_PLACE},le="{bound}"}} %d\n' for bound in bounds)
    return "".join(buckets) + f"{name}_count{{{_PLACE}}} %d\n{name}_sum{{{_PLACE}}} %s\n"


def wants_openmetrics(accept: str) -> bool:
    """Return whether an Accept header asks for OpenMetrics rather than for the older text.

    It must be named, in version 1.0.0 or none, with at least the weight of plain text.

    Example:
        >>> wants_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        True
        >>> wants_openmetrics("*/*"), wants_openmetrics("application/openmetrics-text;q=0")
        (False, False)
    """
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for offer in accept.lower().split(","):
        kind, *rest = (part.strip() for part in offer.split(";"))
        parameters = dict(_parameter(part) for part in rest)
        version = parameters.get("version", "")
        if kind == "application/openmetrics-text" and version not in ("", "1.0.0"):
            continue
        if kind in weights:
            weights[kind] = max(weights[kind], _weight(parameters.get("q", "1")))
    return 0 < weights["application/openmetrics-text"] >= weights["text/plain"]


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
