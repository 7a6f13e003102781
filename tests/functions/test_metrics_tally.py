"""metrics: sent N, counted N, whatever is delivered twice, late, cut differently, or breaks off."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hearth.domain import baseline as baselines_
from hearth.domain import binning
from hearth.domain.baseline import Baseline, Watched
from hearth.domain.distribution import count
from hearth.domain.errors import HearthError, StoreConflict, StoreUnavailable
from hearth.edge.events import log_batch
from hearth.monitoring.baselines import Baselines, provisional_key
from hearth.monitoring.ingest import Ingest, Ingested
from hearth.monitoring.profile import Profile
from hearth.monitoring.records import HOUR_MS, Place, hour_of
from hearth.monitoring.tally import Tallied, Tally
from hearth.monitoring.totals import KEY, read_ledger
from hearth.monitoring.windows import Hours, list_profiles, profile_key
from hearth.stores.ports import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import watched
from support.breaking import Breaks, Killed
from support.calling import Caller
from support.events import Context
from support.recording import SettableClock

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000) - 600_000
HOUR = hour_of(AT)
FEATURES = ("a", "b")
MOST_CALLS = 90


def lines(*numbers: int, **more: Any) -> list[str]:
    """Return records a millisecond apart, each with two features."""
    return [
        watched.record(
            at=AT + n,
            request_id=f"r{n}",
            features=[[n % 10, n / 7]],
            predicted=[str(n % 2)],
            scores=[[0.25, 0.75]],
            **more,
        )
        for n in numbers
    ]


@dataclass
class House:
    """Ingest and tally over one bucket; through `through`, its port breaks."""

    documents: Any
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOW))
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.baselines = Baselines(self.documents, lambda: self.seconds)

    def through(self, breaks: Breaks) -> House:
        return House(breaks.watch(self.documents), self.clock)

    def ingest(self, some: Iterable[str], stream: str = watched.STREAM) -> Ingested:
        batch = log_batch(watched.packed(list(some), stream=stream))
        return Ingest(self.documents, self.baselines, self.clock).ingest(batch)

    def tally(self) -> Tallied:
        return Tally(self.documents, self.baselines, self.clock).tally()

    def counted(self, model: str = "m", version: int = 1) -> int:
        totals = read_ledger(self.documents)[0].totals
        traffic = totals.get(model, {}).get(str(version))
        return traffic.requests if traffic else 0

    def window(self, model: str = "m", version: int = 1) -> list[Profile]:
        since, until = hour_of(AT - 40 * HOUR_MS), hour_of(AT + HOUR_MS)
        return Hours(self.documents, since, until).of_model(model).get(version, [])

    def in_window(self, model: str = "m", version: int = 1) -> int:
        return sum(profile.traffic.requests for profile in self.window(model, version))

    def small(self) -> list[str]:
        found = list_profiles(self.documents, "2026")
        return [profile_key(place, name) for place, there in found.items() for name in there.small]

    def merged(self, place: Place | None = None) -> list[str]:
        there = list_profiles(self.documents, "2026")[place or Place(HOUR, "m", 1)]
        return [listed.key for listed in there.merged]

    def spoil(self, key: str, body: bytes = b"{") -> None:
        found = self.documents.read(key)
        assert isinstance(found, Document)
        self.documents.replace(key, body, found.etag)

    def clear(self) -> None:
        for prefix in ("records/", "profiles/"):
            for listed in self.documents.list(prefix):
                self.documents.remove(listed.key)


@pytest.fixture
def house(documents: Any) -> House:
    return House(documents)


def reference(rows: Sequence[Sequence[float]]) -> Baseline:
    columns = list(zip(*rows, strict=True))
    features = [binning.numeric(n, c) for n, c in zip(FEATURES, columns, strict=True)]
    outputs = [binning.category("predicted", ["0", "1"]), binning.numeric("score", [0.5, 1.0])]
    return Baseline(
        rows=len(rows),
        features=tuple(Watched(f, count(f, c)) for f, c in zip(features, columns, strict=True)),
        outputs=tuple(Watched(f, count(f, ())) for f in outputs),
    )


REFERENCE = reference([[n % 10, n / 7] for n in range(100)])


@pytest.fixture
def watch(documents: Any) -> Callable[..., None]:
    """`watch(baseline, **monitoring)`: version 1 of m, watched; without a baseline, none."""

    def watch(baseline: Baseline | None = None, **monitoring: Any) -> None:
        for key, text in watched.published("m", 1, FEATURES, baseline, **monitoring).items():
            documents.create(key, text.encode())

    return watch


def test_each_record_is_counted_once_by_model_and_version(house: House) -> None:
    """Sent N, counted N; what was merged is one profile an hour, and the small ones are gone."""
    house.ingest(lines(*range(20)))
    house.ingest(lines(*range(20, 25), version="2"))
    house.ingest(lines(*range(7), model="other"), stream="another")

    assert house.tally() == Tallied(requests=32, hours=3)
    assert [house.counted(*who) for who in (("m", 1), ("m", 2), ("other", 1))] == [20, 5, 7]
    assert house.small() == []
    assert [len(p.sources) for p in house.window()] == [1]


def test_tally_of_nothing_new_changes_nothing(house: House) -> None:
    """A second tally reads and writes nothing that the first one settled."""
    house.ingest(lines(1, 2, 3))
    house.tally()
    breaks = Breaks()

    assert house.through(breaks).tally() == Tallied()
    assert "create" not in breaks.calls
    assert "replace" not in breaks.calls
    assert breaks.calls.count("read") <= 3


def test_new_batches_join_what_is_counted_already(house: House) -> None:
    """Minute by minute, the hour's profile and the totals grow by what is new."""
    for start in range(0, 50, 10):
        house.ingest(lines(*range(start, start + 10)))
        assert house.tally().requests == 10
        assert house.counted() == house.in_window() == start + 10
    assert len(house.merged()) == 1


@pytest.mark.parametrize("days", [0, 1, 10])
def test_batch_that_comes_again_after_it_was_merged_is_not_counted_again(
    house: House, days: int
) -> None:
    """Not even days later: the hour's profile names what it holds."""
    house.ingest(lines(*range(10)))
    house.tally()
    house.clock.forward(days=days)

    assert house.ingest(lines(*range(10))) == Ingested(repeated=10)
    house.tally()

    assert house.counted() == house.in_window() == 10
    assert house.small() == []


def test_batch_that_comes_hours_late_is_counted_within_an_hour(house: House) -> None:
    """Most tallies look at a day; one an hour looks at all that can still change."""
    house.ingest(lines(1))
    house.tally()
    house.clock.forward(days=3)
    house.tally()
    house.ingest(lines(2, 3))

    house.clock.forward(minutes=30)
    house.tally()
    assert house.counted() == 1
    house.clock.forward(minutes=31)
    house.tally()
    assert house.counted() == 3


def test_stream_that_is_cut_elsewhere_the_second_time_is_counted_once(house: House) -> None:
    """Lines that are on record already are left out of a batch that overlaps theirs."""
    house.ingest(lines(*range(10)))
    house.ingest(lines(*range(20, 30)))

    assert house.ingest(lines(*range(5, 25))) == Ingested(stored=10, repeated=10)
    assert house.ingest(lines(*range(30))) == Ingested(repeated=30)
    house.tally()

    assert house.counted() == house.in_window() == 30


def test_line_that_comes_twice_in_a_batch_is_counted_once(house: House) -> None:
    """A record is its line."""
    assert house.ingest(lines(1, 2, 1, 1)) == Ingested(stored=2, repeated=2)
    house.tally()
    assert house.counted() == 2


def test_batch_of_many_models_is_stored_whole(house: House) -> None:
    """Some at a time; each record once, though the batch comes twice."""
    batch = [watched.record(f"made-up-{n % 40}", "0", at=AT + n) for n in range(80)]
    assert house.ingest(batch) == Ingested(stored=80)
    assert house.ingest(batch) == Ingested(repeated=80)
    assert house.tally() == Tallied(requests=80, hours=40)
    assert house.counted("made-up-7", 0) == 2


def test_hour_of_many_batches_is_merged_whole(house: House) -> None:
    """More than are read at a time."""
    for n in range(70):
        house.ingest(lines(n), stream=f"s{n}")
    assert house.tally() == Tallied(requests=70, hours=1)
    assert len(house.window()[0].sources) == 70


def test_equal_lines_of_two_streams_are_two_records(house: House) -> None:
    """A stream is one sandbox: what two of them say alike happened twice."""
    house.ingest(lines(1))
    house.ingest(lines(1), stream="another")
    house.tally()
    assert house.counted() == 2


def test_records_of_a_time_that_cannot_be_are_kept_apart(house: House) -> None:
    """A clock that jumps writes no history: such records are kept, told, and not counted."""
    odd = [watched.record(at=at) for at in (AT + 3 * HOUR_MS, AT - 16 * 24 * HOUR_MS, 0, 10**16)]
    again = [watched.record(at=AT - 14 * 24 * HOUR_MS)]

    assert house.ingest([*odd, *again]) == Ingested(stored=1, misdated=4)
    assert house.ingest([*odd, *again]) == Ingested(repeated=1, misdated=4)
    house.tally()

    assert house.counted() == 1
    [key] = [i.key for i in house.documents.list("records/") if "/misdated/" in i.key]
    assert house.documents.read(key).body.decode().splitlines() == odd


def test_records_racing_each_other_in_two_cuts_are_counted_once(house: House) -> None:
    """Two deliveries that do not see each other both store a line: the tally counts it once."""
    first, second = lines(*range(10)), lines(*range(5, 15))

    class Meanwhile(Breaks):
        def call(self, name: str, work: Callable[[], Any]) -> Any:
            found = super().call(name, work)
            if self.calls == ["list"]:
                house.ingest(second)
                found = iter(())  # what the listing said before the other wrote
            return found

    house.through(Meanwhile()).ingest(first)
    house.tally()

    assert house.counted() == house.in_window() == 15
    house.spoil(house.merged()[0])
    house.clock.forward(minutes=61)
    assert house.tally() == Tallied(hours=1, recounted=1, mended=1)
    assert house.counted() == house.in_window() == 15


FAULTS: dict[str, tuple[Callable[[], BaseException], bool]] = {
    "killed before the call": (Killed, False),
    "answer is lost": (lambda: StoreUnavailable("slow"), True),
}


def work(house: House) -> None:
    house.ingest([*lines(*range(5)), *lines(1, 2, version="2")])
    house.tally()
    house.ingest(lines(*range(3, 9)))
    house.tally()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_work_that_breaks_at_any_call_is_completed_by_its_rerun(
    house: House, watch: Callable[..., None], fault: str
) -> None:
    """Each call of the store in turn: batches come again, tallies run again, and nothing is lost."""
    watch(REFERENCE)
    raised, late = FAULTS[fault]
    for at in itertools.count(1):
        breaks = Breaks(at, raised, late=late)
        try:
            work(house.through(breaks))
        except (Killed, HearthError):
            assert house.counted() <= 9
            assert house.in_window() <= 9
            work(house)
        house.tally()
        assert (house.counted(), house.counted("m", 2)) == (9, 2), at
        assert (house.in_window(), house.in_window("m", 2)) == (9, 2), at
        assert sum(p.features[0].total for p in house.window()) == 9
        assert house.small() == []
        if not breaks.struck:
            break
        assert at < MOST_CALLS
        house.clear()
    assert at > 30


def test_tally_and_ingest_in_between_any_two_calls_of_a_tally_change_no_count(
    house: House,
) -> None:
    """Another sandbox may do everything at once, whenever: the ledger's write decides."""
    for at in itertools.count(1):
        house.ingest(lines(*range(5)))
        house.tally()
        house.ingest(lines(*range(5, 9)))
        met: list[bool] = []

        class Meanwhile(Breaks):
            def call(self, name: str, work: Callable[[], Any]) -> Any:
                self.calls.append(name)
                if len(self.calls) == at:  # noqa: B023
                    met.append(True)  # noqa: B023
                    other = House(house.documents, house.clock)
                    other.tally()
                    other.ingest(lines(20, 21), stream="another")
                    other.tally()
                    other.ingest(lines(*range(5, 9)))
                return work()

        house.through(Meanwhile()).tally()
        house.tally()
        expected = 11 if met else 9
        assert house.counted() == house.in_window() == expected, at
        assert house.small() == []
        if not met:
            break
        house.clear()
    assert at > 6


def test_tally_that_always_loses_says_so(house: House) -> None:
    """When others are first again and again, the schedule calls it again."""
    house.ingest(lines(1))

    class Losing(Breaks):
        def call(self, name: str, work: Callable[[], Any]) -> Any:
            if name in ("create", "replace"):
                raise StoreConflict("another writer was first")
            return work()

    tally = Tally(Losing().watch(house.documents), house.baselines, house.clock)
    with pytest.raises(StoreConflict):
        tally.tally()


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"{}", b"\xff", b'{"schema": 1}'])
def test_profile_that_cannot_be_read_is_made_again_from_its_records(
    house: House, body: bytes
) -> None:
    """Records are the truth: a profile is a count of them."""
    house.ingest(lines(*range(5)))
    house.spoil(house.small()[0], body)
    assert house.window() == []

    assert house.tally() == Tallied(requests=5, hours=1, mended=1)
    assert house.counted() == house.in_window() == 5


def test_merged_profile_that_cannot_be_read_is_counted_anew(house: House) -> None:
    """The hour is made again from all its records; totals stay what they were."""
    house.ingest(lines(*range(5)))
    house.tally()
    house.spoil(house.merged()[0])
    house.ingest(lines(*range(5, 9)))

    assert house.tally() == Tallied(requests=4, hours=1, recounted=1, mended=1)
    assert house.counted() == house.in_window() == 9


def test_merged_profile_that_cannot_be_read_is_found_within_an_hour(house: House) -> None:
    """Though nothing new comes: until then, that hour is missing from windows, and no other."""
    house.ingest(lines(1, 2))
    house.ingest([watched.record(at=AT - HOUR_MS)])
    house.tally()
    house.spoil(house.merged()[0])
    assert house.in_window() == 1

    house.clock.forward(minutes=61)
    house.tally()

    assert house.counted() == house.in_window() == 3


def test_merged_profile_that_is_gone_is_made_again(house: House) -> None:
    """Somebody removed it: windows lack the hour until its records are counted anew."""
    house.ingest(lines(1, 2))
    house.tally()
    house.documents.remove(house.merged()[0])
    assert house.in_window() == 0

    house.clock.forward(minutes=61)
    assert house.tally() == Tallied(hours=1, recounted=1, mended=1)

    assert house.counted() == house.in_window() == 2


def test_ledger_that_is_lost_is_made_again_from_the_profiles(house: House) -> None:
    """What the ledger does not name is counted anew, once it cannot be another tally's work."""
    house.ingest(lines(*range(5)))
    house.tally()
    house.documents.remove(KEY)
    house.ingest(lines(*range(5, 9)))

    house.tally()
    house.clock.at = datetime.now(UTC)
    house.clock.forward(minutes=20)
    tally = Tally(house.documents, house.baselines, house.clock)
    tally.tally()

    assert house.counted() == house.in_window() == 9


def test_ledger_that_is_no_ledger_is_an_error_in_words(house: House) -> None:
    """Nothing is counted on ground that cannot be read."""
    house.ingest(lines(1))
    house.tally()
    house.spoil(KEY)
    with pytest.raises(HearthError, match=r"profiles/totals\.json is not JSON"):
        house.tally()


def test_features_and_outputs_are_counted_over_the_published_bins(
    house: House, watch: Callable[..., None]
) -> None:
    """Each row of each record falls into a bin of the baseline, or beside them."""
    watch(REFERENCE)
    house.ingest(lines(*range(40)))
    house.ingest(lines(1000, slices={"region": "eu"}))
    house.tally()

    [profile] = house.window()
    assert profile.features[0].bins == (5, 4, 4, 4, 4, 4, 4, 4, 4, 4)
    assert (profile.features[1].above, profile.features[1].total) == (1, 41)
    assert [counts.total for counts in profile.outputs] == [41, 41]
    assert profile.outputs[0].bins == (21, 20)
    assert profile.slices == {"region": {"eu": 1}}
    assert profile.unmatched == 0


def test_rows_of_another_width_are_traffic_but_no_counts(
    house: House, watch: Callable[..., None]
) -> None:
    """What does not fit the baseline is told, and spoils nothing."""
    watch(REFERENCE)
    odd = watched.record(at=AT + 99, features=[[1], [1, 2, 3], [1, 2], 5])
    house.ingest([*lines(1), odd])
    house.tally()

    [profile] = house.window()
    assert (profile.traffic.requests, profile.features[0].total, profile.unmatched) == (2, 2, 3)


def test_baseline_of_other_features_counts_nothing(
    house: House, watch: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """A baseline that is not of the manifest's features would compare the wrong columns."""
    renamed = reference([[1, 2], [3, 4]])
    first = renamed.features[0]
    wrong = Watched(binning.numeric("c", [1, 3]), first.counts)
    watch(baselines_.Baseline(rows=2, features=(wrong, renamed.features[1])))
    house.ingest(lines(*range(300)))
    house.tally()

    [profile] = house.window()
    assert (profile.traffic.requests, profile.features, profile.unmatched) == (300, (), 300)
    assert "of other features" in caplog.text


def test_baseline_that_is_not_what_the_manifest_names_is_none(
    house: House, watch: Callable[..., None]
) -> None:
    """Blobs are verified before they are used; traffic is counted all the same."""
    watch(REFERENCE)
    [blob] = [i.key for i in house.documents.list("models/m/blobs/")]
    house.spoil(blob, b"{}")
    house.ingest(lines(*range(3)))
    house.tally()

    assert house.counted() == 3
    assert house.window()[0].baseline == ""


def test_first_window_becomes_the_baseline_where_there_is_none(
    house: House, watch: Callable[..., None]
) -> None:
    """From two hundred rows on; what was counted before is counted again, over its bins."""
    watch(masked=("b",))
    house.ingest(lines(*range(150)))
    house.tally()
    assert house.window()[0].unmatched == 150
    assert house.documents.read(provisional_key("m", 1)) is None

    house.ingest(lines(*range(150, 250)))
    assert house.tally() == Tallied(requests=100, hours=1)
    assert house.tally() == Tallied(hours=1, recounted=1)

    known = house.baselines.find("m", 1)
    assert known.baseline.provisional
    assert known.baseline.rows == 250
    assert [w.feature.masked for w in known.baseline.features] == [False, True]
    [profile] = house.window()
    assert profile.baseline == known.digest
    assert [c.total for c in profile.features] == [250, 0]
    assert [c.total for c in profile.outputs] == [250, 250]
    assert (profile.unmatched, house.counted()) == (0, 250)


def test_rows_that_are_too_few_are_not_looked_through_every_minute(
    house: House, watch: Callable[..., None]
) -> None:
    """Where rows are sampled, requests say little of how many there are: ten minutes are soon enough."""
    watch()
    house.ingest([watched.record(at=AT + n) for n in range(300)])
    house.tally()
    house.tally()
    house.ingest(lines(*range(1000, 1250)))
    house.tally()
    assert house.tally() == Tallied()

    house.seconds += 601
    assert house.tally().recounted == 1
    assert house.window()[0].features[0].total == 250


def test_hours_before_the_first_window_was_full_are_counted_again(
    house: House, watch: Callable[..., None]
) -> None:
    """An older hour of the same version gets its counts with the next tally."""
    watch()
    before = [watched.record(at=AT - HOUR_MS + n, features=[[n, n]]) for n in range(30)]
    house.ingest(before)
    house.tally()
    house.ingest(lines(*range(200)))
    house.tally()
    assert house.tally().recounted == 2

    assert [p.features[0].total for p in house.window()] == [30, 200]
    assert house.counted() == 230


def test_sandbox_that_does_not_know_a_new_baseline_makes_nothing_undone(
    house: House, watch: Callable[..., None]
) -> None:
    """For a minute it counts no features; the tally counts its records again."""
    watch()
    other = House(house.documents, house.clock)
    other.ingest(lines(*range(100)))
    house.ingest(lines(*range(100, 200)))
    house.tally()
    house.tally()
    other.ingest(lines(*range(200, 210)))
    assert other.tally() == Tallied(requests=10, hours=1)

    [profile] = house.window()
    assert (profile.features[0].total, house.counted()) == (210, 210)


def test_window_shows_what_is_not_tallied_yet(house: House, watch: Callable[..., None]) -> None:
    """A judge sees each record once, before and after a tally, and in between."""
    watch(REFERENCE)
    house.ingest(lines(*range(5)))
    assert house.in_window() == 5
    house.tally()
    house.ingest(lines(*range(5, 8)))
    house.ingest(lines(*range(5)))
    assert house.in_window() == 8
    assert len(house.window()) == 1


def test_window_has_the_hours_that_were_asked_for_and_the_model(house: House) -> None:
    """The first and the last hour are in it, others are not."""
    for hours in range(4):
        house.ingest([watched.record(at=AT - hours * HOUR_MS)])
        house.ingest([watched.record("other", at=AT - hours * HOUR_MS)])
    house.tally()

    window = Hours(house.documents, hour_of(AT - 2 * HOUR_MS), hour_of(AT - HOUR_MS))
    found = window.of_model("m")
    assert [(p.model, p.hour) for p in found[1]] == [
        ("m", hour_of(AT - 2 * HOUR_MS)),
        ("m", hour_of(AT - HOUR_MS)),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_any_deliveries_of_a_stream_come_to_its_records(house: House, data: st.DataObject) -> None:
    """Cut anyhow, reordered, repeated, with tallies in between: the totals are what was sent."""
    house.clear()
    everything = lines(*range(12))
    cuts = st.tuples(st.integers(0, 11), st.integers(1, 12)).filter(lambda c: c[0] < c[1])
    batches = data.draw(st.lists(cuts, min_size=1, max_size=6))
    sent: set[str] = set()
    for begin, end in batches:
        batch = data.draw(st.permutations(everything[begin:end]))
        sent.update(batch)
        house.ingest(batch)
        if data.draw(st.booleans()):
            house.tally()
    house.tally()

    assert house.counted() == house.in_window() == len(sent)


def test_function_tallies_and_tells_statistics(
    metrics: Caller, serve: Callable[..., Any], documents: Any
) -> None:
    """From the log to Triton's statistics: refused requests are failures, rows are inferences."""
    serve("m")
    now = int(datetime.now(UTC).timestamp() * 1000)
    told = [watched.record(at=now, request_id=str(n), BatchSize=3) for n in range(4)]
    told += [watched.record(at=now, status=400, error="MalformedBody", Latency=2.5)]
    metrics.handler(watched.packed(told), Context())

    assert metrics.handler({"do": "tally"}, Context())["requests"] == 5
    [item] = metrics.get("/v2/models/m/stats").json["model_stats"]

    assert (item["inference_count"], item["execution_count"]) == (12, 4)
    assert item["last_inference"] == now
    assert item["inference_stats"]["success"] == {"count": 4, "ns": 5_000_000}
    assert item["inference_stats"]["fail"] == {"count": 1, "ns": 2_500_000}
    assert item["inference_stats"]["compute_input"] == {"count": 4, "ns": 1_000_000}
    assert item["inference_stats"]["compute_infer"] == {"count": 4, "ns": 2_000_000}
    assert item["inference_stats"]["compute_output"] == {"count": 4, "ns": 500_000}
    # A process that has grown before grows by nothing: how much is load-and-warm's to measure.
    assert [memory["type"] for memory in item["memory_usage"]] == ["CPU"]
