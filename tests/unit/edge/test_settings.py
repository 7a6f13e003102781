"""What each function is told by its environment."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, fields

import pytest
from hearth.edge.settings import (
    KEYS,
    HealthCheckSettings,
    LoadAndWarmSettings,
    MetricsSettings,
    OptimizeSettings,
    PredictSettings,
    Settings,
    SettingsInvalid,
)

ALL = [
    PredictSettings,
    LoadAndWarmSettings,
    HealthCheckSettings,
    MetricsSettings,
    OptimizeSettings,
]
BUCKET = {"HEARTH_BUCKET": "models"}


@pytest.mark.parametrize("kind", ALL)
def test_settings_need_a_bucket_and_nothing_else(kind: type[Settings]) -> None:
    """Everything but the bucket has a value of its own."""
    assert kind.from_env(BUCKET) == kind(bucket="models")
    assert [field.name for field in fields(kind) if field.default is MISSING] == ["bucket"]


def test_settings_are_read_in_their_units() -> None:
    """Numbers are numbers, text is text."""
    settings = PredictSettings.from_env(
        {
            **BUCKET,
            "HEARTH_REGISTRY_TTL_S": "0.5",
            "HEARTH_CACHE_MB": "64",
            "HEARTH_FILES_DIR": "/mnt/x",
            "HEARTH_LAYERS": "abc",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
        }
    )

    assert settings == PredictSettings("models", "abc", 3008, 0.5, 64, "/mnt/x")


@pytest.mark.parametrize("kind", ALL)
def test_settings_ignore_keys_of_others(kind: type[Settings]) -> None:
    """What a function does not read may be anything."""
    mine = KEYS["predict"] | KEYS["load-and-warm"]
    strange = dict.fromkeys(mine - set(_keys(kind)), "anything")

    assert kind.from_env({**strange, **BUCKET}) == kind(bucket="models")


def _keys(kind: type[Settings]) -> list[str]:
    return [Settings.KEYS[field.name] for field in fields(kind)]


def test_settings_report_every_bad_key_at_once() -> None:
    """Who sets an environment right does it in one go."""
    with pytest.raises(SettingsInvalid) as caught:
        PredictSettings.from_env(
            {
                "HEARTH_REGISTRY_TTL_S": "soon",
                "HEARTH_CACHE_MB": "1.5",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "much",
            }
        )

    message = str(caught.value)
    assert "HEARTH_BUCKET is missing" in message
    assert "HEARTH_REGISTRY_TTL_S is 'soon', not a float" in message
    assert "HEARTH_CACHE_MB is '1.5', not a int" in message
    assert "AWS_LAMBDA_FUNCTION_MEMORY_SIZE is 'much'" in message
    assert "template.yaml" in message


@pytest.mark.parametrize("environ", [{}, {"HEARTH_BUCKET": ""}])
def test_settings_take_an_empty_value_for_none(environ: dict[str, str]) -> None:
    """An empty variable is one that is not set."""
    with pytest.raises(SettingsInvalid, match="HEARTH_BUCKET is missing"):
        MetricsSettings.from_env(environ)
    assert PredictSettings.from_env({**BUCKET, "HEARTH_CACHE_MB": ""}) == PredictSettings("models")


def test_settings_do_not_change() -> None:
    """What was read at the start holds."""
    with pytest.raises(FrozenInstanceError):
        PredictSettings("models").bucket = "others"  # type: ignore[misc]


def test_keys_are_named_for_every_function() -> None:
    """The table that the template is checked against names what each function reads."""
    assert KEYS["predict"] == {
        "HEARTH_BUCKET",
        "HEARTH_LAYERS",
        "HEARTH_REGISTRY_TTL_S",
        "HEARTH_CACHE_MB",
        "HEARTH_FILES_DIR",
        "HEARTH_PAYLOAD_MB",
        "HEARTH_PRELOAD",
    }
    assert len(KEYS) == 5
