"""The exception tree.

HearthError
├── BadRequest                      the caller sent something that cannot be answered
│   ├── MalformedPath               the address does not parse
│   ├── InvalidName                 a model, label or version that can never exist
│   ├── MalformedBody               not the JSON, base64 or binary layout that was announced
│   ├── SignatureMismatch           tensors that the model's signature does not accept
│   ├── UnknownLabel                a label that the registry entry does not have
│   ├── UnsupportedCoding           a Content-Encoding that is not taken
│   ├── LocationRefused             an object that a request may not name
│   ├── TransitionRefused           a change that the registry entry's state does not allow
│   └── PayloadTooLarge             more bytes than the bound
├── UnknownModel                    no such model
├── UnknownVersion                  no such version of a model
├── UnknownPayload                  no such object to read a request from
├── VersionUnavailable              it exists, but it is not servable now
├── ModelRefused                    an artefact that must not be served
│   ├── NotOnnx                     does not parse or fails the ONNX checker
│   ├── UnsupportedModel            IR, opset or operator outside what the packed ONNX Runtime has
│   ├── ExternalDataEscapes         weights outside the model's folder
│   ├── ArtefactCorrupt             digest or size differs from the manifest
│   ├── SignatureDiffers            the opened model is not the one that the manifest describes
│   └── GoldenMismatch              it answers its golden cases differently
├── ModelFailed                     ONNX Runtime raised while answering
├── ResourceExhausted               memory or ephemeral storage is not enough
├── DeadlineExceeded                time ran out
├── InvalidDocument                 a stored document that is not what its schema says
└── StoreError                      the bucket did not do what was asked
    ├── StoreForbidden              S3 said 403
    ├── BucketMissing               there is no such bucket
    ├── NoCredentials               nothing to sign requests with
    ├── StoreConflict               a conditional write lost
    └── StoreUnavailable            S3 is slow, throttling or failing

An error carries evidence as attributes and knows nothing of HTTP; `hearth.edge.problem` maps the
tree to statuses.
`code` is the canonical status code of gRPC and TensorFlow Serving, which a registry entry stores.
"""

from __future__ import annotations

from typing import ClassVar


class HearthError(Exception):
    """An answer that could not be given.

    Args:
        what: What is wrong, in lower case, naming the thing.
        got: What was there instead.
        expected: What would have been right.
        remedy: What the reader can do.

    Example:
        >>> print(BadRequest("input 'x' has rank 1", got=[4], expected=[-1, 4], remedy="send rows"))
        input 'x' has rank 1: got [4], expected [-1, 4]; send rows
    """

    code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self, what: str, *, got: object = None, expected: object = None, remedy: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.got = got
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        evidence = [
            f"{name} {_short(value)}"
            for name, value in (("got", self.got), ("expected", self.expected))
            if value is not None
        ]
        text = self.what + (": " + ", ".join(evidence) if evidence else "")
        return f"{text}; {self.remedy}" if self.remedy else text


def _short(value: object, limit: int = 256) -> str:
    """An error message never grows with what the caller sent."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class BadRequest(HearthError):
    code = "INVALID_ARGUMENT"


class MalformedPath(BadRequest):
    pass


class InvalidName(BadRequest):
    pass


class MalformedBody(BadRequest):
    pass


class SignatureMismatch(BadRequest):
    pass


class UnknownLabel(BadRequest):
    pass


class UnsupportedCoding(BadRequest):
    code = "UNIMPLEMENTED"


class LocationRefused(BadRequest):
    code = "PERMISSION_DENIED"


class TransitionRefused(BadRequest):
    code = "FAILED_PRECONDITION"


class PayloadTooLarge(BadRequest):
    code = "OUT_OF_RANGE"


class UnknownModel(HearthError):
    code = "NOT_FOUND"


class UnknownVersion(HearthError):
    code = "NOT_FOUND"


class UnknownPayload(HearthError):
    code = "NOT_FOUND"


class VersionUnavailable(HearthError):
    code = "UNAVAILABLE"


class ModelRefused(HearthError):
    code = "INVALID_ARGUMENT"


class NotOnnx(ModelRefused):
    pass


class UnsupportedModel(ModelRefused):
    code = "UNIMPLEMENTED"


class ExternalDataEscapes(ModelRefused):
    code = "PERMISSION_DENIED"


class ArtefactCorrupt(ModelRefused):
    code = "DATA_LOSS"


class SignatureDiffers(ModelRefused):
    code = "FAILED_PRECONDITION"


class GoldenMismatch(ModelRefused):
    code = "FAILED_PRECONDITION"


class ModelFailed(HearthError):
    code = "INTERNAL"


class ResourceExhausted(HearthError):
    code = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(HearthError):
    code = "DEADLINE_EXCEEDED"


class InvalidDocument(HearthError):
    code = "DATA_LOSS"


class StoreError(HearthError):
    code = "INTERNAL"


class StoreForbidden(StoreError):
    code = "PERMISSION_DENIED"


class BucketMissing(StoreError):
    code = "NOT_FOUND"


class NoCredentials(StoreError):
    code = "UNAUTHENTICATED"


class StoreConflict(StoreError):
    code = "ABORTED"


class StoreUnavailable(StoreError):
    code = "UNAVAILABLE"
