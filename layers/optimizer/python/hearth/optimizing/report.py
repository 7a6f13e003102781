"""What a search for a variant found: one value for the document, the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hearth.optimizing.cost import Assumptions, Costs
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.judgement import Judgement
from hearth.optimizing.measurement import Duel, Figures
from hearth.optimizing.skipped import Skipped

SCHEMA = "hearth.optimization/1"

RUNNING, DONE = "running", "done"
# Verdicts. A refusal has measured candidates, of which none is better and right.
ACCEPTED, REFUSED, NOTHING_TO_GAIN = "accepted", "refused", "nothing to gain"
# What became of a candidate.
CHOSEN, BEATEN, NO_WIN, WRONG, NOT_MADE, NOT_MEASURED = (
    "chosen",
    "beaten",  # better than the original, but another one is chosen
    "no win",  # not better by more than noise
    "wrong",  # the gate refused it
    "not made",  # the recipe failed
    "not measured",  # time ran out, or it could not be opened
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate.

    Args:
        name: Its recipes joined by `+`.
        recipes: What made it.
        outcome: One of the words above; "" while the search goes on.
        reasons: Why, in sentences.
        duel: Its figures beside the original's.
        judgement: Whether it is right.
        costs: What it costs on Lambda.
        front: Whether it lies on the Pareto front of latency, cold start, memory, size and cost.
        notes: Of its making.
    """

    name: str
    recipes: tuple[str, ...] = ()
    outcome: str = ""
    reasons: tuple[str, ...] = ()
    duel: Duel | None = None
    judgement: Judgement | None = None
    costs: Costs | None = None
    front: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """What it was measured on.

    Args:
        processor: Family of the processor: architecture and instruction sets.
        processors: How many the process may use.
        memory_mb: The function's memory size.
        serving_memory_mb: Predict's, which decides the threads that `latency` is measured with.
        tools: Versions of Python, onnxruntime, onnx, numpy.
    """

    processor: str
    processors: int
    memory_mb: int
    serving_memory_mb: int
    tools: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; `steps` grows when combinations are added."""

    done: int = 0
    steps: int = 0
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One search.

    Args:
        model: The model's name.
        version: What was to become faster.
        manifest_sha256: Of that version.
        objective: What was looked for: `latency`, `cold_start`, `memory`, `size`, `cost`.
        state: `RUNNING` or `DONE`.
        verdict: One of the words above; "" while it runs.
        reasons: Why, in sentences.
        started_at: ISO 8601 in UTC.
        ended_at: The same; "" while it runs.
        chosen: Name of the candidate that won; "" where none did.
        published: The version that it became; 0 where none.
        original: The original's figures: medians over all duels.
        original_costs: What the original costs.
        tried: Candidates, in the order in which they were tried.
        skipped: Recipes that were not tried, and why.
        inspection: What the model is made of.
        noise: Half the width within which the original differs from itself, by what is compared.
        assumptions: Behind the costs.
        machine: What it was measured on.
        progress: How far it is.
        limits: What the gate demands: `metric`, `max_loss`.
        notes: Data that was missing, time that ran out.
        id: Of the search: the same for the same wish.
    """

    model: str
    version: int
    manifest_sha256: str = ""
    objective: str = "latency"
    state: str = RUNNING
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    started_at: str = ""
    ended_at: str = ""
    chosen: str = ""
    published: int = 0
    original: Figures | None = None
    original_costs: Costs | None = None
    tried: tuple[Tried, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    inspection: Inspection | None = None
    noise: Mapping[str, float] = field(default_factory=dict)
    assumptions: Assumptions | None = None
    machine: Machine | None = None
    progress: Progress = Progress()
    limits: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    id: str = ""
    schema: str = SCHEMA
