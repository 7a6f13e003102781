"""Results as tables that read alike in a terminal and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version

from nodes.cases import DATATYPES, KINDS
from nodes.protocols import PROTOCOLS
from nodes.verdict import FAILED, PASSED, STATUSES, UNSUPPORTED, Result

_NAMES = [protocol.name for protocol in PROTOCOLS]
_MOST_WIDTH = 40


def report(results: Sequence[Result]) -> str:
    """Return the whole report; the order of the results does not show in it."""
    ordered = sorted(results, key=lambda result: result.case)
    parts = [
        "# ONNX's backend tests through Hearth",
        _introduction(len(ordered)),
        "## By datatype",
        "A case counts under every datatype of its inputs and outputs.",
        _counts(ordered, "datatype", _order, lambda result: result.datatypes),
        "## By suite",
        _counts(ordered, "suite", KINDS.index, lambda result: (result.kind,)),
        "## Failed",
        _failed(ordered),
        "## Unsupported",
        _unsupported(ordered),
        "## Unsupported, in detail",
        _details(ordered),
    ]
    return "\n\n".join(parts) + "\n"


def _introduction(count: int) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("onnx", "onnxruntime"))
    return (
        f"{count} cases of {versions}: each published with itself as its golden case, proven, "
        "asked, and compared with what ONNX expects and with what ONNX Runtime alone answers. "
        f"In each cell: {' / '.join(STATUSES)}."
    )


def summary(results: Iterable[Result]) -> str:
    """Return one line: how many of what, in each protocol."""
    held = list(results)
    return "; ".join(f"{name}: {_cell(held, name)}" for name in _NAMES)


def failed(results: Iterable[Result]) -> bool:
    return any(verdict.status == FAILED for r in results for verdict in r.verdicts.values())


def _counts(
    results: Sequence[Result],
    title: str,
    order: Callable[[str], object],
    groups: Callable[[Result], Iterable[str]],
) -> str:
    names = sorted({group for result in results for group in groups(result)}, key=order)
    members = {name: [r for r in results if name in groups(r)] for name in names}
    members["all cases"] = list(results)
    rows = [
        (name, str(len(of)), *(_cell(of, protocol) for protocol in _NAMES))
        for name, of in members.items()
    ]
    return _table((title, "cases", *_NAMES), rows)


def _order(datatype: str) -> tuple[int, str]:
    """The protocols' datatypes come first."""
    known = datatype in DATATYPES
    return (DATATYPES.index(datatype) if known else len(DATATYPES), datatype)


def _cell(results: Sequence[Result], protocol: str) -> str:
    counts = Counter(result.verdicts[protocol].status for result in results)
    return " / ".join(str(counts[status]) for status in (PASSED, FAILED, UNSUPPORTED))


def _unsupported(results: Sequence[Result]) -> str:
    counts = Counter(
        (verdict.reason, protocol)
        for result in results
        for protocol, verdict in result.verdicts.items()
        if verdict.status == UNSUPPORTED
    )
    rows = [
        (reason, *(str(counts[reason, name]) for name in _NAMES))
        for reason in sorted({reason for reason, _ in counts})
    ]
    return _table(("reason", *_NAMES), rows)


def _details(results: Sequence[Result]) -> str:
    """Return what lies behind each reason, and in how many cases."""
    counts = Counter(
        (verdict.reason, verdict.detail)
        for result in results
        for verdict in set(result.verdicts.values())
        if verdict.status == UNSUPPORTED
    )
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return _table(("reason", "cases", "what"), [(r, str(n), what) for (r, what), n in ordered])


def _failed(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        reasons: dict[str, list[str]] = {}
        for protocol, verdict in result.verdicts.items():
            if verdict.status == FAILED:
                reasons.setdefault(verdict.reason, []).append(protocol)
        rows += [(result.case, ", ".join(where), reason) for reason, where in reasons.items()]
    return _table(("case", "through", "what"), rows) if rows else "None."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns are aligned; the last is not where it is long."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (head, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    widths[-1] = widths[-1] if widths[-1] <= _MOST_WIDTH else 0
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (max(width, 1) + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
