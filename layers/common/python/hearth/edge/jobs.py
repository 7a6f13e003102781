"""Direct invokes and schedules: `{"do": ..., ...}`."""

from __future__ import annotations

from hearth.domain.errors import BadRequest
from hearth.domain.identity import ModelName, Version, model_name, version
from hearth.edge.events import Event


def model_of(event: Event) -> ModelName:
    name = event.get("model")
    return model_name(name if isinstance(name, str) else "")


def version_of(event: Event) -> Version:
    return version(event["version"])


def unknown_job(got: str, *known: str) -> BadRequest:
    return BadRequest("this function has no such job", got=got, expected=" or ".join(known))
