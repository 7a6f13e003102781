"""What a search left out, what the model is made of, and what its figures rest on."""

from __future__ import annotations

from collections.abc import Mapping

from hearth.monitoring.figures import plural, share, size, whole
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.sections.blocks import folded, listed, paragraph, table, terms
from hearth.monitoring.sections.space import MOST_TEXT, left_out
from hearth.optimizing import wording
from hearth.optimizing.report import Machine, Report

_MOST_SKIPPED, _MOST_OPERATORS, _MOST_NOTES, _MOST_OPEN = 60, 60, 20, 12
_MOST_PAIRS = 16


def skipped(report: Report) -> list[Html]:
    """Return the recipes that were not tried, with the reasons."""
    if not report.skipped:
        return []
    shown = report.skipped[:_MOST_SKIPPED]
    rows = [(name(item.recipe, 60), short(item.reason, MOST_TEXT)) for item in shown]
    return [
        table("Recipes that were not tried", ("recipe", "why"), rows),
        left_out(len(report.skipped) - len(shown), "recipe"),
    ]


def model(report: Report) -> list[Html]:
    """Return what the model is made of."""
    found = report.inspection
    if found is None:
        return []
    weights = [(f"weights in {short(k, 20)}", size(v)) for k, v in list(found.weights.items())[:10]]
    pairs: list[tuple[Content, Content]] = [
        ("kind", short(found.family)),
        ("file", size(found.size)),
        *weights,
        ("nodes", whole(found.nodes)),
        ("opset", str(found.opset) if found.opset else "none of ONNX's own"),
        ("symbolic", short(", ".join(found.dynamic), 80) or "nothing: every shape is fixed"),
        ("quantised", "yes" if found.quantized else "no"),
    ]
    return [terms(pairs), _operators(found.operators, found.weighted)]


def _operators(counts: Mapping[str, int], weighted: Mapping[str, int]) -> Html:
    order = sorted(counts, key=lambda kind: (-weighted.get(kind, 0), -counts[kind], kind))
    heaviest = sum(weighted.values()) or 1
    rows = [
        (
            name(kind, 60),
            whole(counts[kind]),
            f"{size(weighted[kind])}, {share(weighted[kind] / heaviest)}"
            if kind in weighted
            else "",
        )
        for kind in order[:_MOST_OPERATORS]
    ]
    if not rows:
        return Html()
    made = table("Operators", ("operator", "nodes", "FP32 weights"), rows)
    more = left_out(len(order) - len(rows), "operator")
    return folded(plural(len(order), "kind of operator", "kinds of operators"), made, more,
                  open_=len(rows) <= _MOST_OPEN)  # fmt: skip


def basis(report: Report) -> list[Html]:
    """Return machine, noise, gate and notes; nothing where none of it is known."""
    parts = [
        _notes(report),
        terms(_gate(report.limits)) if report.limits else Html(),
        terms(_machine(report.machine)) if report.machine else Html(),
        _noise(report.noise),
    ]
    return parts if any(parts) else []


def _notes(report: Report) -> Html:
    shown = report.notes[:_MOST_NOTES]
    more = left_out(len(report.notes) - len(shown), "note")
    return element("div", listed(shown, class_="notes"), more) if shown else Html()


def _gate(limits: Mapping[str, str]) -> list[tuple[Content, Content]]:
    return [
        (f"gate: {short(key.replace('_', ' '), 40)}", short(said, 80))
        for key, said in list(limits.items())[:_MOST_PAIRS]
    ]


def _machine(found: Machine) -> list[tuple[Content, Content]]:
    tools = list(found.tools.items())[:_MOST_PAIRS]
    return [
        ("processor", name(found.processor, MOST_TEXT)),
        ("processors", whole(found.processors)),
        ("memory size", f"{found.memory_mb:,} MB"),
        ("predict's memory size", f"{found.serving_memory_mb:,} MB"),
        *((short(tool, 40), short(version, 40)) for tool, version in tools),
    ]


def _noise(noise: Mapping[str, float]) -> Html:
    if not noise:
        return Html()
    parts = list(noise.items())[:_MOST_PAIRS]
    said = [f"{short(wording.measure(key), 60)} ±{share(part)}" for key, part in parts]
    return paragraph(
        "Noise, by which the original differs from itself: ", "; ".join(said), ".", class_="under"
    )
