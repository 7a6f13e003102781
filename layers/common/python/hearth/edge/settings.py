"""What each function is told by its environment: one frozen dataclass a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self

from hearth.domain.errors import BadRequest
from hearth.domain.frozen import dataclass


class SettingsInvalid(BadRequest):
    """The environment does not say what the function needs."""

    code = "FAILED_PRECONDITION"


@dataclass(frozen=True, slots=True)
class Settings:
    """What every function is told.

    Args:
        bucket: The model bucket.
        memory_mb: The function's memory size; AWS sets it.
        layers: Content hash of the function's layers: a changed layer publishes a new version.
    """

    KEYS: ClassVar[Mapping[str, str]] = {
        "bucket": "HEARTH_BUCKET",
        "layers": "HEARTH_LAYERS",
        "memory_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "registry_ttl_s": "HEARTH_REGISTRY_TTL_S",
        "cache_mb": "HEARTH_CACHE_MB",
        "files_dir": "HEARTH_FILES_DIR",
        "payload_mb": "HEARTH_PAYLOAD_MB",
        "preload": "HEARTH_PRELOAD",
        "event_bus": "HEARTH_EVENT_BUS",
        "sweep_grace_h": "HEARTH_SWEEP_GRACE_H",
        "load_attempts": "HEARTH_LOAD_ATTEMPTS",
        "window_h": "HEARTH_WINDOW_H",
        "feedback_h": "HEARTH_FEEDBACK_H",
        "predict_memory_mb": "HEARTH_PREDICT_MEMORY_MB",
    }

    bucket: str
    layers: str = ""
    memory_mb: int = 1769

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings in an environment.

        Raises:
            SettingsInvalid: Naming every key that is missing or wrong at once.
        """
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field in fields(cls):
            key = Settings.KEYS[field.name]
            text = environ.get(key, "")
            if not text:
                if field.name == "bucket":
                    wrong.append(f"{key} is missing")
                continue
            try:
                values[field.name] = _PARSERS[str(field.type)](text)
            except ValueError:
                wrong.append(f"{key} is {text!r}, not a {field.type}")
        if wrong:
            raise SettingsInvalid(
                "the function's environment is not complete",
                got="; ".join(wrong),
                remedy="set it in template.yaml",
            )
        return cls(**values)


_PARSERS = {"str": str, "int": int, "float": float}


@dataclass(frozen=True, slots=True)
class PredictSettings(Settings):
    """What predict is told.

    Args:
        registry_ttl_s: A promote is seen by a warm worker within this many seconds.
        cache_mb: Budget of open sessions, in memory; what saves the least opening goes first.
        files_dir: Where artefacts lie while they are open.
        payload_mb: How large an object may be that a request names as its body.
        preload: Models whose stable version is opened at start, before anybody asks: names,
            separated by commas; `none`; or `auto`: before a snapshot all that fit, without one the
            only model of a bucket.
    """

    registry_ttl_s: float = 5.0
    cache_mb: int = 1024
    files_dir: str = "/tmp/hearth"  # noqa: S108 (a Lambda has nowhere else to write)
    payload_mb: int = 128
    preload: str = "auto"


@dataclass(frozen=True, slots=True)
class LoadAndWarmSettings(Settings):
    """What load-and-warm is told.

    Args:
        files_dir: Where artefacts lie while they are proven.
        event_bus: Where "version available" is announced.
        sweep_grace_h: A blob that no manifest names is swept when it is older than this.
        load_attempts: A load that died this often without a word has ended. AWS calls an event's
            function three times at most, and the last call must be left to write the end.
    """

    files_dir: str = "/tmp/hearth"  # noqa: S108 (a Lambda has nowhere else to write)
    event_bus: str = "default"
    sweep_grace_h: float = 72.0
    load_attempts: int = 2


@dataclass(frozen=True, slots=True)
class HealthCheckSettings(Settings):
    """What health-check is told; it announces what a crashed load left unannounced."""

    event_bus: str = "default"


@dataclass(frozen=True, slots=True)
class MetricsSettings(Settings):
    """What metrics is told.

    Args:
        event_bus: Where a changed verdict is announced.
        window_h: How many hours of predictions drift and traffic are judged over.
        feedback_h: How many hours of predictions are compared with feedback, which comes late.
    """

    event_bus: str = "default"
    window_h: int = 24
    feedback_h: int = 168


@dataclass(frozen=True, slots=True)
class OptimizeSettings(Settings):
    """What optimize is told.

    Args:
        files_dir: Where versions and candidates lie while they are measured.
        event_bus: Where a search that was asked for over HTTP is announced, to optimize itself.
        predict_memory_mb: Predict's memory size: what decides the threads of a prediction.
    """

    files_dir: str = "/tmp/hearth"  # noqa: S108 (a Lambda has nowhere else to write)
    event_bus: str = "default"
    predict_memory_mb: int = 1769


# Which function reads which keys: template.yaml is checked against it.
KEYS: dict[str, set[str]] = {
    name: {Settings.KEYS[field.name] for field in fields(settings)}
    - {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"}
    for name, settings in {
        "predict": PredictSettings,
        "load-and-warm": LoadAndWarmSettings,
        "health-check": HealthCheckSettings,
        "metrics": MetricsSettings,
        "optimize": OptimizeSettings,
    }.items()
}
