"""A variant of a version: the files of it, and how ONNX Runtime is to open them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hearth.domain.manifest import RuntimeOptions

ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Files in a folder of their own.

    Args:
        name: Its recipes in their order, joined by `+`; `original` for what they start from.
        path: The model file; external data lies beside it.
        external: Files with weights, relative to the model's folder.
        runtime: How to open it.
        recipes: What made it, in order.
        saved: The same model as ONNX Runtime left it for this family of processors, beside
            `path`; None where there is none.
        saved_runtime: How to open that one.
        notes: What a reader should know: `3 of 40 MatMul stay in float`.
    """

    name: str
    path: Path
    external: tuple[str, ...] = ()
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    recipes: tuple[str, ...] = ()
    saved: Path | None = None
    saved_runtime: RuntimeOptions | None = None
    notes: tuple[str, ...] = ()

    @property
    def opened(self) -> tuple[Path, RuntimeOptions]:
        """What is opened on a processor of this family."""
        if self.saved is not None and self.saved_runtime is not None:
            return self.saved, self.saved_runtime
        return self.path, self.runtime

    @property
    def size(self) -> int:
        """Bytes that must be fetched to open it; a saved graph holds its weights itself."""
        beside = [] if self.saved else [self.path.parent / name for name in self.external]
        return sum(file.stat().st_size for file in (self.opened[0], *beside))

    def then(self, recipe: str, path: Path, **changes: Any) -> Candidate:  # noqa: ANN401 (fields)
        """Return what a recipe made of it: another file, named after all recipes."""
        recipes = (*self.recipes, recipe)
        return replace(self, name="+".join(recipes), recipes=recipes, path=path, **changes)
