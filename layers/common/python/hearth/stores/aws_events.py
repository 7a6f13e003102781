"""The event bus: EventBridge."""

from __future__ import annotations

import json
from typing import Any

from hearth.domain.errors import StoreUnavailable
from hearth.stores.aws_client import client, in_hearths_words

SOURCE = "hearth"


class EventBridgeAnnouncer:
    """Tells a bus. Every event names the model bucket: stacks of one account share a bus."""

    def __init__(self, bus: str, bucket: str, events: Any = None) -> None:  # noqa: ANN401
        self._bus, self._bucket = bus, bucket
        self._given = events

    def announce(self, kind: str, detail: dict[str, Any]) -> None:
        entry = {
            "Source": SOURCE,
            "DetailType": kind,
            "Detail": json.dumps({"bucket": self._bucket, **detail}),
            "EventBusName": self._bus,
        }
        with in_hearths_words(f"announce {kind}"):
            answer = (self._given or client("events")).put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise StoreUnavailable(f"the event bus did not take {kind!r}", got=answer["Entries"])
