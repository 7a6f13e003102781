"""Which version of a model a search is about."""

from __future__ import annotations

from hearth.domain.errors import UnknownModel
from hearth.domain.manifest import OPTIMIZED
from hearth.stores.artefacts import Artefacts, ReadManifest


def meant(model: str, version: int, artefacts: Artefacts) -> ReadManifest:
    """Return the version that is meant: the one named, or of 0 the newest that is no variant.

    Raises:
        UnknownModel, UnknownVersion: If there is none.
    """
    if version:
        return artefacts.manifest(model, version)
    for number in reversed(artefacts.versions(model)):
        read = artefacts.manifest(model, number)
        if read.manifest.provenance.origin != OPTIMIZED:
            return read
    raise UnknownModel(f"there is no version of {model!r}", remedy="publish it first")
