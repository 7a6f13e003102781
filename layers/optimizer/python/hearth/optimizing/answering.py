"""What a candidate answers, found out in a process of its own."""

from __future__ import annotations

from pathlib import Path

from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.contender_process import CANDIDATE, ContenderProcess


def answer(
    candidate: Candidate, cases: Path, answers: Path, memory_mb: int, time_limit_s: float
) -> None:
    """Run a candidate on cases and write what it answers.

    Args:
        candidate: The original, too, may be asked.
        cases: Golden format, .npz.
        answers: Where the same cases are written with its outputs, without inputs; nothing is
            there unless all were answered.
        memory_mb: What the child may take; threads are those that a function of it has.
        time_limit_s: When the child is stopped.

    Raises:
        ContenderFailed: If it cannot be opened, refuses a case, crashes, or does not end in time
            or in memory.
    """
    whose = ORIGINAL if candidate.name == ORIGINAL else CANDIDATE
    part = answers.with_name(f"{answers.name}.part")
    try:
        with ContenderProcess(whose, candidate, memory_mb) as process:
            what = {"cases": str(cases), "to": str(part), "memory_mb": memory_mb}
            process.ask("answers", time_limit_s, **what)
        part.replace(answers)
    finally:
        part.unlink(missing_ok=True)
