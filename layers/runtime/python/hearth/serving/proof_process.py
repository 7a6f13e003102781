"""The proof in a process of its own, so that no model can take load-and-warm down with it.

A thread that opens a model can be waited for but not stopped, and what it still does lasts into the
next event; ONNX Runtime can crash; and what kills a sandbox for its memory says nothing. A child
process can be stopped, can die, and can be given less memory than the sandbox has, so that running
out becomes an error with a name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hearth.domain import errors
from hearth.domain.errors import (
    DeadlineExceeded,
    HearthError,
    ModelRefused,
    ResourceExhausted,
)
from hearth.domain.manifest import Manifest, from_document, to_document
from hearth.domain.registry_entry import Figures
from hearth.serving import child
from hearth.serving.child import Ended
from hearth.serving.memory import resident_mb
from hearth.serving.proof import Proof, prove

# What this process needs besides, and the sandbox's own share.
_RESERVE_MB = 64


def prove_apart(folder: Path, manifest: Manifest, memory_mb: int, time_limit_s: float) -> Proof:
    """Return the proof of a version, as `prove` does, made in a child process.

    Args:
        folder: Where its files lie, verified.
        manifest: What it should be.
        memory_mb: The function's memory size; the child gets what this process leaves of it.
        time_limit_s: When the child is stopped.

    Raises:
        DeadlineExceeded: If it has not ended by then.
        ResourceExhausted: If memory does not suffice.
        ModelRefused: If it crashes, and as `prove`.
    """
    left_mb = int(memory_mb - resident_mb() - _RESERVE_MB)
    try:
        command = child.command(__name__, str(folder), str(memory_mb), str(left_mb))
        done = child.run(command, to_document(manifest), time_limit_s)
    except subprocess.TimeoutExpired as error:
        raise DeadlineExceeded(
            "opening and running the model did not end in time",
            got=f"still at it after {time_limit_s:.0f} s",
            expected="golden cases answered within the function's timeout",
            remedy="raise the timeout, or the memory size, which brings processors",
        ) from error
    return _read(done, memory_mb)


def _read(done: Ended, memory_mb: int) -> Proof:
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise _death(done, memory_mb) from None
    if "error" in answer:
        raise revived(answer["error"])
    figures = Figures(**answer["proof"].pop("figures"))
    return Proof(figures=figures, **answer["proof"])


def _death(done: Ended, memory_mb: int) -> HearthError:
    if child.ran_out_of_memory(done):
        return ResourceExhausted(
            "opening the model took more memory than there is",
            got=f"{memory_mb} MB of memory",
            remedy="raise the memory size, or publish a smaller variant",
        )
    return ModelRefused(
        "the model crashes ONNX Runtime",
        got=f"exit status {done.returncode}: {child.last_words(done)}",
        expected="a model that opens and runs",
        remedy="export it again, for another opset or without the operator at fault",
    )


def revived(document: dict[str, Any]) -> HearthError:
    kind = getattr(errors, document["type"], errors.ModelFailed)
    made: HearthError = kind(
        document["what"],
        got=document["got"],
        expected=document["expected"],
        remedy=document["remedy"],
    )
    return made


def described(error: HearthError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "what": error.what,
        "got": None if error.got is None else str(error.got),
        "expected": None if error.expected is None else str(error.expected),
        "remedy": error.remedy,
    }


def _main(folder: str, memory_mb: str, left_mb: str) -> None:
    child.restrict(int(left_mb))
    manifest = from_document(json.loads(sys.stdin.buffer.read()))
    try:
        answer = {"proof": asdict(prove(Path(folder), manifest, int(memory_mb)))}
    except HearthError as error:
        answer = {"error": described(error)}
    print(json.dumps(answer))  # noqa: T201


if __name__ == "__main__":
    _main(*sys.argv[1:])
