"""What a worker has from the bucket: registry entries, proven manifests, files on the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hearth.domain.errors import ArtefactCorrupt, UnknownVersion
from hearth.domain.manifest import from_document
from hearth.domain.routing import Route
from hearth.edge.settings import PredictSettings
from hearth.serving.catalogue import Catalogue
from hearth.serving.files import Files
from hearth.stores.artefacts import Artefacts, ReadManifest, digest_of
from hearth.stores.documents import parse_json
from hearth.stores.registry import Registry


class Stock:
    """Reads what is missing.

    It imports neither numpy nor ONNX Runtime: it can be filled while those are being imported.
    """

    def __init__(self, registry: Registry, artefacts: Artefacts, settings: PredictSettings) -> None:
        self.registry, self.settings = registry, settings
        self.catalogue = Catalogue(registry, settings.registry_ttl_s)
        self.files = Files(Path(settings.files_dir), artefacts)
        self._artefacts = artefacts
        self._kept: dict[str, ReadManifest] = {}
        self._settle: Callable[[], None] = _nothing

    def manifest(self, route: Route) -> ReadManifest:
        """Return a route's manifest.

        Raises:
            ArtefactCorrupt: If it is not the one that was proven.
        """
        self._settle()
        return self._kept.pop(route.manifest_sha256, None) or self.read(route)

    def read(self, route: Route) -> ReadManifest:
        """Return a route's manifest as it is in the bucket; otherwise as `manifest`."""
        try:
            body = self._artefacts.manifest_bytes(route.model, route.version)
        except UnknownVersion as error:
            raise _not_the_proven(route, "none") from error
        # The digest comes first: of a manifest that was not proven, nothing is read.
        if digest_of(body) != route.manifest_sha256:
            raise _not_the_proven(route, digest_of(body))
        return ReadManifest(from_document(parse_json(body, "manifest")), route.manifest_sha256)

    def keep(self, read: ReadManifest) -> None:
        """Hold a manifest for the one who asks for it next."""
        self._kept[read.sha256] = read

    def fill(self, settle: Callable[[], None]) -> None:
        """Have whoever asks wait, by `settle`, for somebody who is filling this stock.

        Nothing is fetched twice at once.
        """
        self._settle = settle


def _nothing() -> None:
    pass


def _not_the_proven(route: Route, got: str) -> ArtefactCorrupt:
    return ArtefactCorrupt(
        f"manifest of {route.model} version {route.version} is not the one that was proven",
        got=got,
        expected=route.manifest_sha256,
        remedy="restore the object's first version, or publish the model again",
    )
