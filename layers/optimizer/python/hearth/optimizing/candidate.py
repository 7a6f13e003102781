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
        saved_external: Files with its weights, relative to its folder: laid out for the
            processor, they are not those of the portable model.
        notes: What a reader should know: `3 of 40 MatMul stay in float`.
    """

    name: str
    path: Path
    external: tuple[str, ...] = ()
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    recipes: tuple[str, ...] = ()
    saved: Path | None = None
    saved_runtime: RuntimeOptions | None = None
    saved_external: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def opened(self) -> tuple[Path, RuntimeOptions]:
        """What is opened on a processor of this family."""
        if self.saved is not None and self.saved_runtime is not None:
            return self.saved, self.saved_runtime
        return self.path, self.runtime

    @property
    def size(self) -> int:
        """Bytes that must be fetched to open it."""
        opened = self.opened[0]
        beside = self.saved_external if opened == self.saved else self.external
        return sum(file.stat().st_size for file in (opened, *(opened.parent / b for b in beside)))

    @property
    def portable(self) -> Candidate:
        """The same without its saved graph."""
        return replace(self, saved=None, saved_runtime=None, saved_external=())

    def then(self, recipe: str, path: Path, **changes: Any) -> Candidate:  # noqa: ANN401 (fields)
        """Return what a recipe made of it: another file, named after all recipes."""
        recipes = (*self.recipes, recipe)
        return replace(self, name="+".join(recipes), recipes=recipes, path=path, **changes)
