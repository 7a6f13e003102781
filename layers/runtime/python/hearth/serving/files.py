"""Versions on the sandbox's disk: verified before they are seen, shared where they are equal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hearth.domain.errors import ResourceExhausted
from hearth.domain.manifest import ArtefactFile
from hearth.stores.artefacts import Artefacts, ReadManifest


class Files:
    """A directory of blobs, and one directory of hard links a version.

    A blob appears under its digest only after its bytes were verified, so what lies there is
    right; a crash leaves `.part` files at most. Links, not copies: two versions that share
    weights hold them once, and ONNX Runtime refuses external data behind symbolic links.
    """

    def __init__(self, directory: Path, artefacts: Artefacts) -> None:
        self._blobs = directory / "blobs"
        self._versions = directory / "versions"
        self._artefacts = artefacts

    def place(self, read: ReadManifest, roles: Sequence[str]) -> Path:
        """Return a directory that holds the version's files of these roles, verified.

        Raises:
            ArtefactCorrupt: If a blob is missing or is not what the manifest names.
            ResourceExhausted: If the disk cannot hold them.
        """
        folder = self._versions / read.sha256
        files = read.manifest.of_role(*roles)
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._require_space([file for file in files if not (self._blobs / file.sha256).exists()])
        for file in files:
            blob = self._blobs / file.sha256
            if not blob.exists():
                self._artefacts.fetch(read.manifest.model, file, blob, lambda _count: None)
            _link(blob, folder / file.path)
        return folder

    def remove(self, manifest_sha256: str) -> None:
        """Forget a version; blobs that no other version links to go with it."""
        _remove(self._versions / manifest_sha256)
        if self._blobs.exists():
            for blob in self._blobs.iterdir():
                # Another process may be tidying up here, too.
                with suppress(FileNotFoundError):
                    if blob.stat().st_nlink == 1:
                        blob.unlink()

    def clear(self) -> None:
        """Forget every version."""
        _remove(self._versions)
        _remove(self._blobs)

    def _require_space(self, missing: Sequence[ArtefactFile]) -> None:
        needed = sum(file.size for file in missing)
        free = _free(self._blobs)
        if needed > free:
            raise ResourceExhausted(
                "ephemeral storage is too small for this version",
                got=f"{free} bytes free",
                expected=f"{needed} bytes",
                remedy="raise the function's ephemeral storage",
            )


def _link(blob: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.link(blob, path)


def _free(folder: Path) -> int:
    if hasattr(os, "statvfs"):
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize
    from shutil import disk_usage

    return disk_usage(folder).free


def _remove(folder: Path) -> None:
    from shutil import rmtree  # with it come all of Python's compressors: not for a start

    rmtree(folder, ignore_errors=True)
