"""Making candidates in a process of its own: tools crash, hang and take memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hearth.domain.errors import HearthError, ResourceExhausted
from hearth.optimizing import work_document
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspecting import inspect
from hearth.optimizing.recipe import Recipe, RecipeFailed, Work
from hearth.optimizing.recipes.all import named
from hearth.publishing import onnx_file
from hearth.serving import child
from hearth.serving.child import Ended
from hearth.serving.proof import require_signature
from hearth.serving.session import Session

_ONE_THREAD_MB = 1
_MARK = b"hearth: "


def make(work: Work, recipes: Sequence[str]) -> Candidate:
    """Apply recipes one after the other in this process; each must ensure what it promises.

    Raises:
        RecipeFailed: Naming the recipe and the reason.
    """
    return _make(work, recipes, lambda _: None)


def make_apart(
    work: Work, recipes: Sequence[str], memory_mb: int, time_limit_s: float
) -> Candidate:
    """Do the same in a child process.

    Args:
        work: `folder` gets one folder a recipe.
        recipes: Names, in order.
        memory_mb: What the child may take.
        time_limit_s: When it is stopped.

    Raises:
        RecipeFailed: If it fails, crashes, or does not end in time or in memory.
    """
    asked = {"work": work_document.from_work(work), "recipes": list(recipes)}
    scratch = work.folder / "scratch"  # the tools' temporary files go with it, whatever happens
    scratch.mkdir(parents=True)
    try:
        around = child.surroundings(PYTHONHASHSEED="0", TMPDIR=str(scratch))
        done = child.run(child.command(__name__, str(memory_mb)), asked, time_limit_s, around)
    except subprocess.TimeoutExpired as error:
        raise RecipeFailed(
            f"{_at_work(error.stdout or b'', recipes)} did not end in time",
            got=f"still at it after {time_limit_s:.0f} s",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _read(done, recipes, memory_mb)


def working_folder(work: Work, at: int, recipe: str) -> Path:
    """Return where one recipe of several writes."""
    return work.folder / f"{at}-{recipe}"


def _make(work: Work, recipes: Sequence[str], say: Callable[[str], None]) -> Candidate:
    candidate = work.before
    for at, name in enumerate(recipes):
        say(name)
        folder = working_folder(work, at, name)
        folder.mkdir(parents=True)
        try:
            candidate = _step(named(name), replace(work, before=candidate, folder=folder))
        except Exception as error:
            raise _named(name, error) from error
        _drop_folders(work, recipes[:at], candidate)
    return candidate


def _step(recipe: Recipe, work: Work) -> Candidate:
    """Apply one recipe, and return what it made, proven."""
    before = inspect(work.before.path)
    _require(recipe.requires(before, work.calibration is not None))
    made = recipe.apply(work)
    _require(recipe.ensures(before, inspect(made.path), made))
    onnx_file.read(made.path)  # as it will be when it is published
    path, runtime = made.opened
    require_signature(Session(path, runtime, _ONE_THREAD_MB).signature, work.signature)
    return made


def _require(reason: str) -> None:
    if reason:
        raise RecipeFailed(reason)


def _named(recipe: str, error: Exception) -> RecipeFailed:
    """Return a failure that says whose it is."""
    if isinstance(error, MemoryError | ResourceExhausted) or child.is_about_memory(str(error)):
        return RecipeFailed(f"{recipe} takes more memory than there is")
    if isinstance(error, HearthError):
        return RecipeFailed(
            f"{recipe}: {error.what}", got=error.got, expected=error.expected, remedy=error.remedy
        )
    return RecipeFailed(f"{recipe} raised {type(error).__name__}", got=str(error))


def _drop_folders(work: Work, passed: Sequence[str], candidate: Candidate) -> None:
    """Remove what earlier recipes made: /tmp is small."""
    used = {candidate.path.parent, *([candidate.saved.parent] if candidate.saved else [])}
    for at, name in enumerate(passed):
        folder = working_folder(work, at, name)
        if folder not in used:
            shutil.rmtree(folder, ignore_errors=True)


def _read(done: Ended, recipes: Sequence[str], memory_mb: int) -> Candidate:
    said = _said(done.stdout)
    answer = said[-1] if said else {}
    if "made" in answer:
        return work_document.to_candidate(answer["made"])
    if "failed" in answer:
        raise work_document.to_failure(answer["failed"])
    raise _death(done, _at_work(done.stdout, recipes), memory_mb)


def _said(stdout: bytes) -> list[dict[str, Any]]:
    """Return what the child itself said: tools print, too, and the last line may be cut off."""
    spoken = (line.partition(_MARK) for line in stdout.splitlines())
    return [json.loads(rest) for _, mark, rest in spoken if mark and rest.endswith(b"}")]


def _at_work(stdout: bytes, recipes: Sequence[str]) -> str:
    """Return the recipe that was being applied when the child spoke last."""
    return str(next((s["at"] for s in reversed(_said(stdout)) if "at" in s), recipes[0]))


def _death(done: Ended, recipe: str, memory_mb: int) -> RecipeFailed:
    if child.ran_out_of_memory(done):
        return RecipeFailed(f"{recipe} takes more memory than there is", got=f"{memory_mb} MB")
    return RecipeFailed(
        f"{recipe} crashes", got=f"exit status {done.returncode}: {child.last_words(done)}"
    )


def _say(**what: object) -> None:
    print(_MARK.decode() + json.dumps(what), flush=True)  # noqa: T201


def _main(memory_mb: str) -> None:
    child.restrict(int(memory_mb))
    asked = json.loads(sys.stdin.buffer.read())
    try:
        work = work_document.to_work(asked["work"])
        made = _make(work, asked["recipes"], lambda name: _say(at=name))
        _say(made=work_document.from_candidate(made))
    except RecipeFailed as error:
        _say(failed=work_document.from_failure(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
