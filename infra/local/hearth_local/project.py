"""Where the template and the state of its stack are, from wherever a command is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hearth_local.state_file import STATE_DIR

TEMPLATE = "template.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a template.yaml."""

    folder: Path

    @property
    def template(self) -> Path:
        return self.folder / TEMPLATE

    @property
    def state_dir(self) -> Path:
        return self.folder / STATE_DIR


def find(start: Path | None = None) -> Project:
    """Return the nearest folder, here or above, with a template; here where there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / TEMPLATE).is_file():
            return Project(folder)
    return Project(here)
