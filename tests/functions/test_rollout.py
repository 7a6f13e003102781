"""A gradual rollout from end to end: predictions, counted and judged, move it on or back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import health_check
import pytest
from hearth.domain.registry_entry import (
    GRADUAL,
    Actor,
    Policy,
    RegistryEntry,
    assign,
    begin_loading,
    end,
    set_policy,
)
from hearth.domain.rollout import Count, Counts, Gradual
from hearth.edge.events import log_batch
from hearth.monitoring import metrics_jobs
from hearth.monitoring.monitor import Monitor, assemble
from hearth.serving.warming import unload
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.reconciliation import Reconciled, reconcile
from hearth.stores.registry import Registry
from hearth.stores.rolling import ROLLOUT_MOVED
from hearth.stores.rollout_evidence import HEADLINES, TOTALS, RolloutEvidence
from support import models, watched
from support.breaking import Breaks, Killed
from support.calling import Caller
from support.events import Context
from support.recording import RecordingAnnouncer, SettableClock

WHO = Actor("test", "2026-11-23T20:00:00.000Z")
QUICK = Policy(GRADUAL, gradual=Gradual((20, 50), step_minutes=10, min_requests=5))
OLD, NEW = [[3.0, 5.0, 7.0, 9.0]], [[4.0, 7.0, 10.0, 13.0]]
# Fails on each request whose first number is above 4: 4 places have no rows of 9.
FAILING = """
m (float[N, 4] x) => (float[N, 4] y)
<float four = {4.0}, int64[2] from = {0, 0}, int64[2] to = {1, 1},
 int64[1] one = {1}, int64[1] eight = {8}, int64[1] rest = {-1}, int64[2] rows = {-1, 4}>
{
    first = Slice (x, from, to)
    above = Greater (first, four)
    flag = Cast <to = 7> (above)
    flat = Reshape (flag, one)
    more = Mul (flat, eight)
    wide = Add (more, one)
    shape = Concat <axis = 0> (rest, wide)
    odd = Reshape (x, shape)
    y = Reshape (odd, rows)
}
"""
# Takes rows of another width.
OTHER = "m (float[N, 3] x) => (float[N, 3] y) { y = Neg (x) }"


@dataclass
class House:
    """predict, metrics and the reconciler around one bucket."""

    predict: Caller
    monitor: Monitor
    documents: S3Documents
    announcer: RecordingAnnouncer
    clock: SettableClock
    log: Callable[[], list[str]]
    asked: int = 0

    def ask(self, count: int, first: float = 1.0) -> list[Any]:
        """Send as many requests, each of another caller; return what came back."""
        replies = []
        for _ in range(count):
            self.asked += 1
            headers = {"x-hearth-routing-key": f"caller-{self.asked}"}
            body = {"instances": [[first, 2, 3, 4]]}
            name = f"request-{self.asked}"
            reply = self.predict.post(
                "/v1/models/m:predict", body, headers=headers, request_id=name
            )
            replies.append(reply.json.get("predictions", reply.status))
        return replies

    def count(self) -> None:
        metrics_jobs.on_records(log_batch(watched.packed(self.log())), self.monitor)
        self._job("tally")

    def judge(self) -> None:
        self._job("judge")

    def _job(self, what: str) -> None:
        metrics_jobs.on_job({"do": what}, self.monitor, lambda _line: None, lambda: 60.0)

    def pass_a_step(self) -> None:
        """Let a step be asked, counted, over and judged: the next pass moves it on."""
        self.ask(60)
        self.count()
        self.clock.forward(minutes=11)
        self.judge()

    def reconcile(self) -> Reconciled:
        return reconcile(self.documents, self.announcer, self.clock)

    @property
    def entry(self) -> RegistryEntry:
        return Registry(self.documents).read("m").entry

    @property
    def told(self) -> list[dict[str, Any]]:
        return [detail for kind, detail in self.announcer.told if kind == ROLLOUT_MOVED]


@pytest.fixture
def house(
    predict: Caller,
    documents: S3Documents,
    artefacts: Any,
    announcer: RecordingAnnouncer,
    clock: SettableClock,
    capfd: pytest.CaptureFixture[str],
) -> House:
    def log() -> list[str]:
        return [line for line in capfd.readouterr().out.split("\n") if line.startswith("{")]

    monitor = assemble(documents, artefacts, announcer, clock)
    return House(predict, monitor, documents, announcer, clock, log)


@pytest.fixture
def rolling(house: House, serve: Callable[..., Any], registry: Registry) -> Callable[[str], None]:
    """`rolling(text)`: version 1 serves, and a second one has its first share, counted."""

    def begin(text: str = models.TRIPLED) -> None:
        serve("m")
        registry.change("m", lambda entry: set_policy(entry, QUICK, WHO))
        serve("m", text)
        assert house.reconcile() == Reconciled()

    return begin


def test_version_that_does_well_takes_over_step_by_step(house: House, rolling: Any) -> None:
    """A step that lasted, was asked and was judged is followed by the next, until it has all."""
    rolling()
    shares = []
    for _ in range(2):
        shares.append(sum(answer == NEW for answer in house.ask(60)))
        house.count()
        assert house.reconcile().moved == []  # the step is not over
        house.clock.forward(minutes=11)
        assert house.reconcile().moved == []  # no report saw it
        house.judge()
        assert len(house.reconcile().moved) == 1
        assert house.reconcile().moved == []  # one step a report

    assert 5 <= shares[0] < shares[1] < 45
    assert set(map(str, house.ask(20))) == {str(NEW)}
    assert (house.entry.labels, house.entry.rollout) == ({"stable": {2: 1}}, None)
    assert [(one["move"], one["from_percent"], one["to_percent"]) for one in house.told] == [
        ("advance", 20, 50),
        ("advance", 50, 100),
    ]
    assert house.entry.history[-1].who == "health-check"
    assert "requests in this step: 0 failed, 0 were refused" in house.entry.history[-1].why


def test_version_that_fails_is_taken_back_at_once(house: House, rolling: Any) -> None:
    """What answers with errors where the other one does not loses its share within a minute."""
    rolling(FAILING)
    answers = house.ask(150, first=9.0)
    failed = answers.count(500)
    assert 15 <= failed <= 50
    house.count()

    [moved] = house.reconcile().moved

    assert moved == "m/2: 20% -> 0%"
    assert (house.entry.labels, house.entry.rollout) == ({"stable": {1: 1}}, None)
    assert 500 not in house.ask(20, first=9.0)
    assert house.told[0]["move"] == "roll back"
    assert f"{failed} of {failed} requests failed" in house.told[0]["reasons"][0]
    assert house.reconcile() == Reconciled()


def test_version_that_takes_other_inputs_is_taken_back(house: House, rolling: Any) -> None:
    """What it refuses and the one before answers is its doing."""
    rolling(OTHER)
    refused = house.ask(150).count(400)
    house.count()

    assert house.reconcile().moved == ["m/2: 20% -> 0%"]
    assert f"{refused} of {refused} requests were refused" in house.told[0]["reasons"][0]


def test_requests_that_are_refused_by_both_are_no_faults(house: House, rolling: Any) -> None:
    """A version is not blamed for what callers send."""
    rolling()
    for n in range(60):
        headers = {"x-hearth-routing-key": f"caller-{n}"}
        reply = house.predict.post("/v1/models/m:predict", {"instances": [[1]]}, headers=headers)
        assert reply.status == 400
    house.count()

    assert house.reconcile() == Reconciled()


def test_without_a_word_from_metrics_it_waits(house: House, rolling: Any) -> None:
    """Nothing goes on, or back, by what nobody counted."""
    rolling()
    house.clock.forward(minutes=60 * 24)

    assert house.reconcile() == Reconciled()
    assert house.entry.labels == {"stable": {1: 4, 2: 1}}


def test_evidence_is_what_metrics_wrote(house: House, rolling: Any) -> None:
    """Counts are by version and status, standings from the newest report."""
    rolling(FAILING)
    house.ask(40, first=9.0)
    house.count()
    house.judge()
    rollout = house.entry.rollout
    assert rollout is not None
    assert rollout.counts == Counts()

    found = RolloutEvidence(house.documents).of("m", rollout)

    new, old = found.counts.new, found.counts.old
    assert new.requests + old.requests == 40
    assert (new.failed, old.failed) == (new.requests, 0)
    assert new.requests > 0
    assert found.judged_at is not None
    assert abs((found.judged_at - house.clock.now()).total_seconds()) < 1
    assert found.new is not None
    assert (found.new.gate, found.new.drift) == ("", "insufficient data")
    assert len(found.old) == 1
    nobody = RolloutEvidence(house.documents).of("nobody", rollout)
    assert (nobody.counts, nobody.new, nobody.judged_at) == (Counts(Count(), Count()), None, None)


def headlines(**damage: Any) -> bytes:
    """Return headlines of two versions, the second of which is damaged."""
    good = {"version": 1, "gate": "", "gate_missing": False, "labelled": 0, "drift": "stable"}
    versions = [good, {**good, "version": 2, **damage}]
    report = {"judged_at": "2026-11-23T20:00:00Z", "versions": versions}
    return json.dumps({"models": {"m": report}}).encode()


@pytest.mark.parametrize(
    ("key", "body"),
    [
        (TOTALS, b"{"),
        (TOTALS, b"[]"),
        (TOTALS, b'{"totals": {"m": []}}'),
        (TOTALS, b'{"totals": {"m": {"2": {"status": {"200": "1"}}}}}'),
        (HEADLINES, b'{"models": {"m": {"judged_at": "now", "versions": []}}}'),
        (HEADLINES, b'{"models": {"m": {"versions": []}}}'),
        (HEADLINES, b'{"models": {"m": {"judged_at": "2026-11-23T20:00:00Z", "versions": [{}]}}}'),
        (HEADLINES, headlines(labelled="many")),
        (HEADLINES, headlines(labelled=None)),
        (HEADLINES, headlines(version=[])),
    ],
)
def test_evidence_that_cannot_be_read_holds_its_models_alone(
    house: House, rolling: Any, publish: Any, load: Any, key: str, body: bytes
) -> None:
    """It is told which document is damaged, and other models are looked after."""
    rolling()
    publish("z")
    house.announcer.broken = True
    with pytest.raises(Exception, match="event bus"):
        load("z")
    house.announcer.broken = False
    house.documents.create(key, body)

    done = house.reconcile()

    assert list(done.unreadable) == ["m"]
    assert key in done.unreadable["m"]
    assert done.announced == ["z/1"]
    assert house.entry.labels == {"stable": {1: 4, 2: 1}}


def test_version_that_ended_is_taken_back(house: House, rolling: Any, registry: Registry) -> None:
    """One that does not open any longer has no share."""
    rolling()
    registry.change("m", lambda entry: begin_loading(entry, 2, "again", "", WHO))
    assert house.reconcile() == Reconciled()  # it may be back in a moment
    assert registry.change("m", lambda entry: end(entry, 2, ("INTERNAL", "no"), WHO)).rollout

    assert house.reconcile().moved == ["m/2: 20% -> 0%"]
    assert house.entry.labels == {"stable": {1: 1}}
    assert house.told[0]["reasons"] == ["version 2 is END"]


def test_model_that_is_out_of_service_stays_where_it_is(
    house: House, rolling: Any, loader: Any
) -> None:
    """Where nothing can be served there is nothing to go back to, and the next load goes on."""
    rolling()
    unload("m", loader(), "test")

    assert house.reconcile() == Reconciled()
    assert house.entry.labels == {"stable": {1: 4, 2: 1}}
    assert house.entry.rollout is not None


def test_move_that_is_refused_is_not_announced(house: House, rolling: Any, registry: Any) -> None:
    """Where what it takes over from is gone, its share cannot grow: that is told each minute."""
    rolling()
    house.pass_a_step()
    body = json.loads(house.documents.read("registry/m.json").body)  # type: ignore[union-attr]
    body["versions"]["1"]["state"] = "END"
    etag = house.documents.read("registry/m.json").etag  # type: ignore[union-attr]
    house.documents.replace("registry/m.json", json.dumps(body).encode(), etag)

    done = house.reconcile()

    assert "not currently available" in done.unreadable["m"]
    assert (done.moved, house.told) == ([], [])


def test_rollout_that_breaks_at_any_call_is_moved_by_the_next_pass(
    house: House, rolling: Any, registry: Registry
) -> None:
    """Every call in turn: the label is where it was or a step on, and each move is told."""
    rolling()
    house.pass_a_step()
    began = house.documents.read("registry/m.json")
    for at in itertools.count(1):
        breaks = Breaks(at)
        house.announcer.told.clear()
        try:
            reconcile(breaks.watch(house.documents), breaks.watch(house.announcer), house.clock)
        except Killed:
            assert house.entry.labels["stable"] in ({1: 4, 2: 1}, {1: 1, 2: 1})
            house.reconcile()
        assert house.entry.labels == {"stable": {1: 1, 2: 1}}
        assert len(house.told) in (1, 2)
        if not breaks.struck:
            break
        now = house.documents.read("registry/m.json")
        house.documents.replace("registry/m.json", began.body, now.etag)  # type: ignore[union-attr]
    assert at > 5


def test_promotion_by_hand_in_between_has_the_last_word(
    house: House, rolling: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that decided on what it read a moment ago undoes nobody's decision."""
    rolling()
    house.pass_a_step()

    class Promoting(RecordingAnnouncer):
        def announce(self, kind: str, detail: dict[str, Any]) -> None:
            registry.change("m", lambda entry: assign(entry, "stable", {1: 1}, WHO))

    reconcile(house.documents, Promoting(), house.clock)

    assert (house.entry.labels, house.entry.rollout) == ({"stable": {1: 1}}, None)


def test_function_moves_rollouts_on_its_schedule(
    health: Caller, house: House, rolling: Any, registry: Registry
) -> None:
    """The same through health-check's own door, by the time that it is."""
    rolling(FAILING)
    house.ask(150, first=9.0)
    house.count()

    answer = health_check.handler({"do": "reconcile"}, Context())

    assert answer["moved"] == ["m/2: 20% -> 0%"]
    assert registry.read("m").entry.labels == {"stable": {1: 1}}
