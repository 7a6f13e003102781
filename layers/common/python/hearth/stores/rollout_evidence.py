"""What metrics wrote down of a rollout's versions: how often each answered, and its last report.

Both documents are metrics' own, the totals of each minute and the headlines of all reports. Of
either only what decides on a rollout is read here, and what has another shape is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.domain.rollout import Count, Counts, Rollout
from hearth.domain.rollout_decision import Evidence, Standing
from hearth.stores.documents import parse_json
from hearth.stores.ports import Document, Documents

TOTALS = "profiles/totals.json"
HEADLINES = "reports/summary.json"
_MADE_ANEW = "metrics makes it anew; look at its log if it does not"


class RolloutEvidence:
    """Reads both documents, once each.

    Args:
        documents: Where they lie.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._read: dict[str, Mapping[str, Any]] = {}

    def of(self, model: str, rollout: Rollout) -> Evidence:
        """Return what is known of a rollout.

        Raises:
            StoreError: If the documents cannot be read.
            InvalidDocument: If they are not what metrics writes.
        """
        try:
            totals = self._member(TOTALS, "totals").get(model, {})
            report = self._member(HEADLINES, "models").get(model)
            counts = Counts(_count(totals, [rollout.version]), _count(totals, rollout.before))
            if report is None:
                return Evidence(counts)
            standings = {one["version"]: _standing(one) for one in report["versions"]}
            return Evidence(
                counts,
                datetime.fromisoformat(report["judged_at"]).astimezone(UTC),
                standings.get(rollout.version),
                tuple(standings[number] for number in rollout.before if number in standings),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidDocument(
                f"{TOTALS} or {HEADLINES} is not as metrics writes it",
                got=f"{type(error).__name__}: {error}",
                remedy=_MADE_ANEW,
            ) from error

    def _member(self, key: str, name: str) -> Mapping[str, Any]:
        if key not in self._read:
            found = self._documents.read(key)
            document = (
                parse_json(found.body, key, _MADE_ANEW) if isinstance(found, Document) else {}
            )
            self._read[key] = document.get(name, {})
        return self._read[key]


def _count(totals: Mapping[str, Any], versions: Iterable[int]) -> Count:
    """Return what versions answered; a model or version that nobody asked has no totals."""
    statuses = [
        (status, count)
        for number in versions
        for status, count in totals.get(str(number), {}).get("status", {}).items()
    ]
    return Count(
        sum(count for _, count in statuses),
        refused=sum(count for status, count in statuses if status.startswith("4")),
        failed=sum(count for status, count in statuses if status.startswith("5")),
    )


def _standing(headlines: Mapping[str, Any]) -> Standing:
    return Standing(
        gate=headlines["gate"],
        # An earlier metrics did not tell, and what may be missing must not take a version back.
        gate_missing=headlines.get("gate_missing", True),
        labelled=int(headlines["labelled"]),
        drift=headlines["drift"],
    )
