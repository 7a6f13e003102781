"""Versions in the bucket: manifests, and the blobs that they name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from hearth.domain.errors import ArtefactCorrupt, InvalidDocument, InvalidName, UnknownVersion
from hearth.domain.frozen import dataclass
from hearth.domain.identity import model_name, version
from hearth.domain.manifest import ArtefactFile, Manifest, from_document, to_document
from hearth.stores.documents import parse_json
from hearth.stores.ports import Blobs, Document, Documents, Listed, Progress

MODELS = "models/"
_MANIFEST_KEY = r"models/([^/]+)/versions/([1-9][0-9]{0,18})/manifest\.json"


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A manifest and the SHA-256 of the bytes that it was read from."""

    manifest: Manifest
    sha256: str


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def manifest_key(model: str, version: int) -> str:
    return f"{MODELS}{model}/versions/{version}/manifest.json"


def blob_key(model: str, sha256: str) -> str:
    return f"{MODELS}{model}/blobs/{sha256}"


def parse_manifest_key(key: str) -> tuple[str, int] | None:
    """Return the model and version whose manifest a key holds, or None for any other key.

    Example:
        >>> parse_manifest_key("models/digits/versions/3/manifest.json")
        ('digits', 3)
    """
    match = re.fullmatch(_MANIFEST_KEY, key)
    try:
        return (model_name(match[1]), version(match[2])) if match else None
    except InvalidName:
        return None


class Artefacts:
    def __init__(self, documents: Documents, blobs: Blobs) -> None:
        self._documents = documents
        self._blobs = blobs

    def versions(self, model: str) -> list[int]:
        """Return the numbers of all versions that exist, oldest first."""
        listed = self._documents.list(f"{MODELS}{model}/versions/")
        found = (parse_manifest_key(item.key) for item in listed)
        return sorted(number for parsed in found if parsed for number in [parsed[1]])

    def manifest_bytes(self, model: str, version: int) -> bytes:
        """Return a manifest as it is stored.

        Raises:
            UnknownVersion: If there is no such manifest.
        """
        found = self._documents.read(manifest_key(model, version))
        if not isinstance(found, Document):
            raise UnknownVersion(f"Could not find version {version} of model {model}")
        return found.body

    def manifest(self, model: str, version: int) -> ReadManifest:
        """Return a manifest that load-and-warm has validated before.

        Raises:
            UnknownVersion: If there is no such manifest.
            InvalidDocument: If what is stored is not a manifest of this version.
        """
        body = self.manifest_bytes(model, version)
        document = parse_json(body, manifest_key(model, version))
        manifest = from_document(document)
        require_place(manifest, model, version)
        return ReadManifest(manifest, digest_of(body))

    def create_manifest(self, manifest: Manifest) -> None:
        """Write a manifest: from then on, the version exists.

        Raises:
            StoreConflict: If the version exists already.
        """
        body = json.dumps(to_document(manifest), indent=1).encode()
        self._documents.create(manifest_key(manifest.model, manifest.version), body)

    def fetch(self, model: str, file: ArtefactFile, path: Path, progress: Progress) -> None:
        """Write one file of a version to `path`, whole and verified or not at all.

        Raises:
            ArtefactCorrupt: If the blob is missing, cut short, or has another digest.
        """
        # A name of its own: another process may be fetching the same blob to the same place.
        part = path.with_name(f"{path.name}.{os.urandom(8).hex()}.part")
        try:
            got = self._blobs.download(blob_key(model, file.sha256), part, progress, file.size)
            if part.stat().st_size != file.size or got != file.sha256:
                raise ArtefactCorrupt(
                    f"{file.path!r} is not what the manifest names",
                    got=f"{part.stat().st_size} bytes, sha256 {got}",
                    expected=f"{file.size} bytes, sha256 {file.sha256}",
                    remedy="publish the model again, which mends the blob, then load the version",
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def blobs(self, model: str) -> Iterator[Listed]:
        yield from self._documents.list(f"{MODELS}{model}/blobs/")

    def blob(self, model: str, sha256: str, like: Path | None = None) -> Listed | None:
        """Return what is known of a blob; None if it is not there, or not `like` a file."""
        return self._blobs.stat(blob_key(model, sha256), like)

    def upload(self, model: str, sha256: str, path: Path, progress: Progress) -> None:
        self._blobs.upload(blob_key(model, sha256), path, progress)

    def named_blobs(self, model: str) -> set[str]:
        """Return the digests that the model's manifests name."""
        manifests = (self.manifest(model, number).manifest for number in self.versions(model))
        return {file.sha256 for manifest in manifests for file in manifest.files}

    def models(self) -> list[str]:
        """Return every model that has an object under `models/`."""
        return sorted({item.key.split("/")[1] for item in self._documents.list(MODELS)})


def require_place(manifest: Manifest, model: str, version: int) -> None:
    if (manifest.model, manifest.version) != (model, version):
        raise InvalidDocument(
            "manifest lies in the wrong place",
            got=f"{manifest.model} version {manifest.version}",
            expected=f"{model} version {version}",
        )
