"""The one table from errors to statuses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hearth.domain import errors
from hearth.domain.errors import HearthError
from hearth.edge.problem import STATUSES, of_error, of_unexpected, status_of
from hearth.edge.settings import SettingsInvalid
from hearth.serving.repository import LoadFailed

V1, V2 = "/v1/models/m:predict", "/v2/models/m/infer"


def tree(kind: type[HearthError] = HearthError) -> Iterator[type[HearthError]]:
    yield kind
    for child in kind.__subclasses__():
        # What a search for a variant raises is a reason in its report, and never an answer.
        own = child.__module__.startswith("hearth.optimizing.")
        if child.__module__.startswith("hearth.") and not own:
            yield from tree(child)


# Every class that is raised, and what it answers in /v1 and in /v2.
EXPECTED = {
    errors.BadRequest: (400, 400),
    errors.MalformedPath: (400, 404),
    errors.InvalidName: (400, 400),
    errors.MalformedBody: (400, 400),
    errors.SignatureMismatch: (400, 400),
    errors.UnknownLabel: (400, 404),
    errors.UnsupportedCoding: (415, 415),
    errors.LocationRefused: (403, 403),
    errors.TransitionRefused: (400, 409),
    errors.PayloadTooLarge: (413, 413),
    LoadFailed: (400, 400),
    SettingsInvalid: (500, 500),
    errors.UnknownModel: (404, 404),
    errors.UnknownVersion: (404, 404),
    errors.UnknownPayload: (404, 404),
    errors.VersionUnavailable: (404, 503),
    errors.ModelRefused: (400, 400),
    errors.NotOnnx: (400, 400),
    errors.UnsupportedModel: (400, 400),
    errors.ExternalDataEscapes: (400, 400),
    errors.ArtefactCorrupt: (500, 500),
    errors.SignatureDiffers: (500, 500),
    errors.GoldenMismatch: (400, 400),
    errors.ModelFailed: (500, 500),
    errors.ResourceExhausted: (503, 503),
    errors.DeadlineExceeded: (504, 504),
    errors.InvalidDocument: (500, 500),
    errors.StoreError: (500, 500),
    errors.StoreForbidden: (500, 500),
    errors.BucketMissing: (500, 500),
    errors.NoCredentials: (500, 500),
    errors.StoreConflict: (409, 409),
    errors.StoreUnavailable: (503, 503),
    HearthError: (500, 500),
}


def test_every_error_class_has_its_status() -> None:
    """No class of the tree is without a row, of its own or of the nearest one above it."""
    got = {kind: (status_of(kind("x"), V1), status_of(kind("x"), V2)) for kind in tree()}

    assert got == EXPECTED


def test_every_row_is_reached() -> None:
    """No row of the table is dead: each decides for at least one class of the tree."""
    reached = {next(k for k in kind.__mro__ if k in STATUSES) for kind in tree()}

    assert reached == set(STATUSES)


def test_most_specific_row_wins() -> None:
    """A class below two rows has the nearer one's status."""

    class Special(errors.PayloadTooLarge):
        pass

    assert status_of(Special("x"), V1) == STATUSES[errors.PayloadTooLarge][0]
    assert STATUSES[errors.PayloadTooLarge] != STATUSES[errors.BadRequest]


@pytest.mark.parametrize("path", ["/v1/models/m", "/V1/models/m", "/v1"])
def test_tf_servings_statuses_hold_for_its_paths(path: str) -> None:
    """TF Serving's paths are without regard to case, and so are their statuses."""
    assert status_of(errors.UnknownLabel("x"), path) == 400


@pytest.mark.parametrize("path", ["/v2/models/m", "/metrics", "/", "", "/models/v1"])
def test_open_inferences_statuses_hold_everywhere_else(path: str) -> None:
    """Whatever is not TF Serving's answers like Open Inference."""
    assert status_of(errors.UnknownLabel("x"), path) == 404


def test_error_body_is_error_and_its_text() -> None:
    """The body has one member; its text says what, got, expected and remedy, in that order."""
    error = errors.SignatureMismatch("input 'x' is odd", got=[1], expected=[2], remedy="send 2")

    answer = of_error(error, V1)

    assert (answer.status, answer.headers) == (400, {"Content-Type": "application/json"})
    assert json.loads(answer.body) == {"error": "input 'x' is odd: got [1], expected [2]; send 2"}


def test_error_body_is_bounded() -> None:
    """An error never grows with what was sent: it shows the beginning."""
    text = json.loads(of_error(errors.BadRequest("a" * 10_000_000), V1).body)["error"]

    assert len(text) == 2000
    assert text.endswith("…")


def test_fault_of_ours_names_its_class_alone() -> None:
    """What nobody foresaw is a 500 that names the class: the rest may hold anything."""
    answer = of_unexpected(ValueError("secret"))

    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "internal error: ValueError; see the log"}
