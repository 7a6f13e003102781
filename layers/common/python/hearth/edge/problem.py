"""The one table from errors to HTTP statuses; the most specific row wins."""

from __future__ import annotations

import re
from functools import cache

from hearth.domain import errors
from hearth.edge.answers import Answer, of_json
from hearth.edge.settings import SettingsInvalid

# error: (TensorFlow Serving's /v1, Open Inference's /v2 and everything else)
STATUSES: dict[type[errors.HearthError], tuple[int, int]] = {
    errors.HearthError: (500, 500),
    errors.BadRequest: (400, 400),
    errors.MalformedPath: (400, 404),  # TF Serving: "Malformed request"; Triton: "Not Found"
    errors.PayloadTooLarge: (413, 413),
    errors.UnsupportedCoding: (415, 415),
    errors.LocationRefused: (403, 403),
    errors.TransitionRefused: (400, 409),
    errors.UnknownLabel: (400, 404),
    errors.UnknownModel: (404, 404),
    errors.UnknownVersion: (404, 404),
    errors.UnknownPayload: (404, 404),
    errors.VersionUnavailable: (404, 503),  # TF Serving knows no servable until it is loaded
    errors.ModelRefused: (400, 400),
    errors.ArtefactCorrupt: (500, 500),
    errors.SignatureDiffers: (500, 500),
    errors.ModelFailed: (500, 500),
    errors.ResourceExhausted: (503, 503),
    errors.DeadlineExceeded: (504, 504),
    errors.InvalidDocument: (500, 500),
    errors.StoreError: (500, 500),
    errors.StoreConflict: (409, 409),
    errors.StoreUnavailable: (503, 503),
    SettingsInvalid: (500, 500),
}

_LONGEST = 2000
_LEAF = r"[├└]── (\w+) +(.+)"


@cache
def meanings() -> dict[str, str]:
    """Return what each class of the exception tree means, by name, in the tree's order.

    Example:
        >>> meanings()["UnknownModel"]
        'no such model'
    """
    return {match[1]: match[2] for match in re.finditer(_LEAF, errors.__doc__ or "")}


def status_of(error: errors.HearthError, path: str) -> int:
    """Return the HTTP status of an error on a path.

    Example:
        >>> status_of(errors.UnknownLabel("no such label"), "/v1/models/m/labels/x:predict")
        400
    """
    column = 0 if path[:3].lower() == "/v1" else 1
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind][column]
    return 500


def of_error(error: errors.HearthError, path: str) -> Answer:
    return of_json(status_of(error, path), {"error": _text(error)})


def _text(error: errors.HearthError) -> str:
    # What a caller sent may be named in it: an answer grows neither long nor deep with that.
    try:
        text = str(error)
    except RecursionError:
        text = error.what
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def of_unexpected(error: BaseException) -> Answer:
    """Return the answer to a fault of ours: the class is named, the rest stays in the log."""
    return of_json(500, {"error": f"internal error: {type(error).__name__}; see the log"})
