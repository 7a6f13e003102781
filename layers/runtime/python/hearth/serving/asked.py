"""What both protocols have in common: a request that was read, and a model to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from hearth.domain.manifest import Manifest
from hearth.domain.routing import Route
from hearth.domain.signature import Signature
from hearth.edge.answers import Answer
from hearth.serving.session import Tensors

_NOTHING = memoryview(b"")


class Body(NamedTuple):
    """What a request carries, decompressed, from wherever it came, and the headers beside it."""

    content: bytes
    headers: Mapping[str, str]


class Asked(NamedTuple):
    """A request's body, read as far as that goes without knowing the model.

    Args:
        document: The JSON object.
        verb: What is wanted of the model: `predict`, `classify`, `regress` or `infer`.
        binary: The bytes behind it.
        id: The caller's id of this request, or "".
        raw: Whether there is no JSON: the bytes are the one input.
    """

    document: Mapping[str, Any]
    verb: str
    binary: memoryview = _NOTHING
    id: str = ""
    raw: bool = False


class Served(NamedTuple):
    """The version that answers, and what its manifest says."""

    route: Route
    manifest: Manifest

    @property
    def signature(self) -> Signature:
        return self.manifest.signature


class ServingProtocol(Protocol):
    """The four steps of a protocol, in the order in which a prediction takes them."""

    def read(self, body: Body, verb: str) -> Asked:
        """Read the body: JSON, and binary behind it."""

    def decode(self, asked: Asked, manifest: Manifest) -> Tensors:
        """Turn what was asked into one array an input."""

    def wanted(self, asked: Asked, manifest: Manifest) -> tuple[str, ...]:
        """Name the outputs that are wanted; none means all."""

    def encode(self, asked: Asked, outputs: Tensors, served: Served) -> Answer:
        """Turn the outputs into an answer."""

    def metadata(self, served: Served, versions: list[int]) -> Answer:
        """Describe the model."""
