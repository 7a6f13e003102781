"""Profiles in the bucket: where they lie, and those of a window of hours."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from hearth.domain.errors import InvalidDocument, StoreConflict
from hearth.monitoring.profile import Profile, from_body, to_body
from hearth.monitoring.records import Place, source_of
from hearth.monitoring.totals import read_ledger
from hearth.stores.ports import Document, Documents, Listed

PREFIX = "profiles/"
# Hours begin with a digit; this comes after all of them, and before everything else in the prefix.
AFTER_HOURS = ":"
_KEY = re.compile(r"profiles/(\d{4}-\d\d-\d\dT\d\d)/([^/]+)/(0|[1-9]\d{0,18})/([0-9a-f-]+)\.json")


@dataclass
class Found:
    """What lies in one place: profiles of single objects of records, and merged ones."""

    small: list[str] = field(default_factory=list)
    merged: list[Listed] = field(default_factory=list)


def folder(place: Place) -> str:
    return f"{PREFIX}{place.hour}/{place.model}/{place.version}/"


def profile_key(place: Place, name: str) -> str:
    return f"{folder(place)}{name}.json"


def merged_name(profile: Profile, body: bytes) -> str:
    """Return the name of a merged profile, which tells its baseline: `<content>-<baseline>`."""
    content = hashlib.sha256(body).hexdigest()[:16]
    return f"{content}-{baseline_tag(profile.baseline)}"


def baseline_tag(digest: str) -> str:
    return digest[:8] or "0" * 8


def name_in(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def list_profiles(documents: Documents, since: str, until: str = AFTER_HOURS) -> dict[Place, Found]:
    """Return what lies in each place of some hours, the first and the last included."""
    found: dict[Place, Found] = {}
    for listed in documents.list(PREFIX, after=f"{PREFIX}{since}"):
        if listed.key > f"{PREFIX}{until}{AFTER_HOURS}":
            break
        match = _KEY.fullmatch(listed.key)
        if not match:
            continue
        place = Place(match[1], match[2], int(match[3]))
        there = found.setdefault(place, Found())
        if source_of(match[4]):
            there.small.append(match[4])
        else:
            there.merged.append(listed)
    return found


def read_profile(documents: Documents, place: Place, name: str) -> Profile | None:
    """Return a profile, or None if it is gone.

    Raises:
        InvalidDocument: If what is stored is none, or not the one that its name tells.
    """
    found = documents.read(profile_key(place, name))
    if not isinstance(found, Document):
        return None
    profile = from_body(found.body, place)
    own = (
        profile.sources == (name,) if source_of(name) else name == merged_name(profile, found.body)
    )
    if not own:
        raise InvalidDocument(f"profile {profile_key(place, name)} is another's")
    return profile


def create_profile(documents: Documents, place: Place, name: str, profile: Profile) -> bool:
    """Write a profile; return whether it was not there yet."""
    try:
        documents.create(profile_key(place, name), to_body(profile))
    except StoreConflict:
        return False
    return True


@dataclass
class Hours:
    """Profiles of some hours, listed once for whichever models are asked for.

    Args:
        documents: Where they lie.
        since: The first hour, as keys have it: `2026-11-23T21`.
        until: The last one, included.
    """

    documents: Documents
    since: str
    until: str
    _listed: dict[str, dict[Place, Found]] | None = None
    _merged: Mapping[Place, str] = field(default_factory=dict)

    def of_model(self, model: str) -> dict[int, list[Profile]]:
        """Return a model's profiles by version, one an hour in which there was traffic."""
        # Twice: since the listing, a tally may have put one profile in another's place.
        with suppress(StoreConflict):
            return self._read(model, patient=False)
        self._listed = None
        return self._read(model, patient=True)

    def _places(self, model: str) -> dict[Place, Found]:
        if self._listed is None:
            self._merged = read_ledger(self.documents)[0].merged
            self._listed = {}
            for place, there in list_profiles(self.documents, self.since, self.until).items():
                self._listed.setdefault(place.model, {})[place] = there
        return self._listed.get(model, {})

    def _read(self, model: str, *, patient: bool) -> dict[int, list[Profile]]:
        found: dict[int, list[Profile]] = {}
        for place, there in sorted(self._places(model).items()):
            try:
                name = self._merged.get(place, "")
                profile = _of_place(self.documents, place, there, name)
            except (InvalidDocument, StoreConflict) as error:
                if isinstance(error, StoreConflict) and not patient:
                    raise
                logging.getLogger(__name__).warning("%s; a tally mends it within the hour", error)
                continue
            if profile:
                found.setdefault(place.version, []).append(profile)
        return found


def _of_place(documents: Documents, place: Place, there: Found, name: str) -> Profile | None:
    """Return the merged profile with the small ones that it does not hold yet."""
    if not name and there.merged and not there.small:
        # The ledger forgets hours that nothing more can be added to.
        name = name_in(max(there.merged, key=lambda listed: listed.modified).key)
    whole = read_profile(documents, place, name) if name else None
    if name and whole is None:
        raise StoreConflict(f"profile {name} of {place.hour} is gone")
    for profile in _small(documents, place, there.small):
        if whole is None:
            whole = profile
        # One of another baseline is counted again before it is merged.
        elif profile.sources[0] not in whole.sources and profile.baseline == whole.baseline:
            whole += profile
    return whole


def _small(documents: Documents, place: Place, names: list[str]) -> Iterator[Profile]:
    for name in names:
        try:
            profile = read_profile(documents, place, name)
        except InvalidDocument:
            continue  # the next tally mends it
        if profile:
            yield profile
