"""A candidate's files, in another folder without a copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hearth.optimizing.candidate import Candidate


def carry(candidate: Candidate, folder: Path) -> Path:
    """Place a candidate's model and its weights in a folder; return where the model lies.

    Links, not copies: nothing that a recipe has made is ever written to again.
    """
    names = [candidate.path.name, *candidate.external]
    if candidate.saved:
        names += [candidate.saved.name, *candidate.saved_external]
    for name in names:
        place(candidate.path.parent / name, folder / name)
    return folder / candidate.path.name


def place(source: Path, target: Path) -> None:
    """Put a file where it is wanted too, without a copy where the file system can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
