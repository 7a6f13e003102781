"""Log lines to records in the bucket: append-only, named by content: a replay adds nothing."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hearth.domain.errors import InvalidName, StoreConflict
from hearth.domain.identity import model_name
from hearth.edge.events import LogBatch
from hearth.stores.ports import Documents

PREFIX = "records/"
RECORD = "hearth.prediction/1"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch's lines; `repeated` were stored by an earlier delivery."""

    stored: int = 0
    repeated: int = 0
    foreign: int = 0


def ingest(batch: LogBatch, documents: Documents) -> Ingested:
    """Store a batch's prediction records, one object for each model, version and hour."""
    groups: dict[str, list[str]] = defaultdict(list)
    foreign = 0
    for line in batch.lines:
        folder = _folder(line)
        if folder:
            groups[folder].append(line.strip())
        else:
            foreign += 1
    stored = repeated = 0
    for folder, lines in groups.items():
        if _store(folder, lines, documents):
            stored += len(lines)
        else:
            repeated += len(lines)
    return Ingested(stored, repeated, foreign)


def _folder(line: str) -> str:
    """Return where a line's record belongs, or "" for a line that is none."""
    try:
        record: dict[str, Any] = json.loads(line)
        if record["record"] != RECORD:
            return ""
        at = datetime.fromtimestamp(record["_aws"]["Timestamp"] / 1000, UTC)
        name = model_name(record["model"])
        return f"{PREFIX}{name}/{int(record['version'])}/{at:%Y-%m-%dT%H}/"
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError, InvalidName):
        return ""


def _store(folder: str, lines: list[str], documents: Documents) -> bool:
    body = ("\n".join(lines) + "\n").encode()
    key = f"{folder}{hashlib.sha256(body).hexdigest()}.jsonl"
    try:
        documents.create(key, body)
    except StoreConflict:
        return False
    return True
