"""The document with which a publisher says how a version is watched."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal

from hearth.domain.monitoring import MonitoringOptions, Threshold
from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Threshold(BaseModel):
    model_config = _STRICT

    lower: float | None = None
    upper: float | None = None
    absolute: float | None = None
    relative: float | None = None


class Document(BaseModel):
    """`MonitoringOptions` as JSON."""

    model_config = _STRICT

    capture: Literal["none", "summaries", "sampled", "all"] | None = None
    sample_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    max_bytes: Annotated[int, Field(ge=0, le=200_000)] | None = None  # a log event takes 256 KB
    masked: tuple[_Name, ...] = ()
    features: dict[str, tuple[_Name, ...]] = Field(default_factory=dict)
    forms: dict[str, Literal["columns", "tensor", "text"]] = Field(default_factory=dict)
    task: Literal["", "classification", "regression", "ranking"] | None = None
    scores: str | None = None
    label: str | None = None
    thresholds: dict[_Name, _Threshold] = Field(default_factory=dict)

    def options(self) -> MonitoringOptions:
        said = {item.name: getattr(self, item.name) for item in fields(MonitoringOptions)}
        thresholds = {
            name: Threshold(**threshold.model_dump()) for name, threshold in self.thresholds.items()
        }
        return MonitoringOptions(**{**said, "thresholds": thresholds})
