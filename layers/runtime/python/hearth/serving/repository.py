"""The model repository extension's load and unload: which versions are meant, and the answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hearth.domain.errors import BadRequest, MalformedBody, UnknownModel
from hearth.domain.identity import version as parse_version
from hearth.domain.state import State
from hearth.edge.answers import Answer, of_json
from hearth.edge.compression import inflated
from hearth.edge.events import HttpRequest
from hearth.edge.routes import parse_v2
from hearth.serving import json_text
from hearth.serving.warming import Attempt, Loader, Outcome, load_and_warm, unload


class LoadFailed(BadRequest):
    """A version that was asked for by name ended."""


def repository_control(request: HttpRequest, attempt: Attempt, loader: Loader) -> Answer:
    """Answer `POST /v2/repository/models/{m}/load` and `/unload`.

    Source:
        Triton's model repository extension; `parameters.version` is Hearth's own: without it,
        the versions that labels point at are loaded, or the newest if there are none.
    """
    call = parse_v2(request.method, request.path)
    parameters = _parameters(inflated(request.body, request.headers))
    if call.verb == "unload":
        unload(call.target.model, loader, "asked over HTTP")
        return of_json(200, {})
    outcomes = load(call.target.model, parameters, attempt, loader)
    return of_json(200, {"name": call.target.model, "load": True, "versions": described(outcomes)})


def load(model: str, parameters: dict[str, Any], attempt: Attempt, loader: Loader) -> list[Outcome]:
    """Load the versions that are meant.

    Raises:
        LoadFailed: If one of them ended; it says which and why.
        UnknownModel: If the model has no version.
    """
    outcomes = [
        load_and_warm(model, number, attempt, loader)
        for number in _meant(model, parameters, loader)
    ]
    for outcome in outcomes:
        if outcome.state is State.END:
            raise LoadFailed(
                f"failed to load {model!r} version {outcome.version}: "
                f"{outcome.error_code}: {outcome.error_message}"
            )
    return outcomes


def described(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    return [asdict(outcome) for outcome in outcomes]


def _meant(model: str, parameters: dict[str, Any], loader: Loader) -> list[int]:
    if "version" in parameters:
        return [parse_version(str(parameters["version"]))]
    entry = loader.registry.find(model)
    labelled = {number for split in entry.labels.values() for number in split} if entry else set()
    versions = sorted(labelled) or loader.artefacts.versions(model)[-1:]
    if not versions:
        raise UnknownModel(
            f"failed to load {model!r}: it has no version", remedy="publish it first"
        )
    return versions


def _parameters(body: bytes) -> dict[str, Any]:
    document = json_text.loads(body) if body.strip() else {}
    found = document.get("parameters", {}) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise MalformedBody("the body has no object 'parameters'", got=body[:80])
    overrides = [key for key in found if key == "config" or key.startswith("file:")]
    if overrides:
        raise BadRequest(
            "a load cannot override what was published",
            got=overrides[:4],
            remedy="publish a new version: what is stored never changes",
        )
    return found
