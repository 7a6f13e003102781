"""Feedback over HTTP: each item is kept or refused with its reason, and a repeat counts once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hearth.domain.registry_entry import Policy
from hearth.edge.door import respond
from hearth.monitoring.feedback import ANYTHING, Expected, Intake, accept
from hearth.stores.registry import Registry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.calling import Caller, Reply
from support.description import require_asked, require_described
from support.faults import Faults, answer
from support.recording import SettableClock

PATH = "/v2/models/m/feedback"
AT = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)


@pytest.fixture
def known(registry: Registry) -> None:
    registry.change("m", lambda entry: replace(entry, policy=Policy("manual")))


@pytest.fixture
def route(known: None, registry: Registry, documents: Any) -> Callable[..., Caller]:
    """`route(classes=..., tasks=...)`: the route, for a model of which this much is known."""

    def make(clock: SettableClock | None = None, **expected: frozenset[str]) -> Caller:
        found = Expected(**expected) if expected else ANYTHING
        intake = Intake(registry, documents, clock or SettableClock(AT), lambda _: found)
        return Caller(lambda event, _: respond(event, lambda r: accept(r, intake)))

    return make


def stored(s3: Any) -> dict[str, list[dict[str, Any]]]:
    found = s3.list_objects_v2(Bucket="hearth-models", Prefix="feedback/").get("Contents", ())
    bodies = {
        item["Key"]: s3.get_object(Bucket="hearth-models", Key=item["Key"])["Body"].read()
        for item in found
    }
    return {key: [json.loads(line) for line in body.splitlines()] for key, body in bodies.items()}


def posted(caller: Caller, body: Any, **kwargs: Any) -> Reply:
    reply = caller.post(PATH, body, **kwargs)
    require_described("POST", PATH, reply)
    return reply


ITEMS = [
    ({"label": "3"}, {"label": "3"}),
    ({"label": 3}, {"label": "3"}),
    ({"label": "", "row": 0}, {"label": "", "row": 0}),
    ({"labels": ["3", None, 4]}, {"labels": ["3", None, "4"]}),
    ({"labels": [None, 4]}, {"labels": [None, "4"]}),
    ({"value": 3}, {"value": 3.0}),
    ({"value": [1.5, 2]}, {"value": [1.5, 2.0]}),
    ({"values": [1, None, [2.5]]}, {"values": [1.0, None, [2.5]]}),
    ({"relevant": ["a", 7]}, {"relevant": {"a": 1.0, "7": 1.0}}),
    ({"relevant": {"a": 3, "b": 0}}, {"relevant": {"a": 3.0, "b": 0.0}}),
    ({"label": "3", "value": None}, {"label": "3"}),
    (
        {"label": "3", "at": "2026-11-23T22:00:00+01:00"},
        {"label": "3", "at": "2026-11-23T21:00:00.000Z"},
    ),
    ({"label": "3", "at": "2026-11-23T21:00"}, {"label": "3", "at": "2026-11-23T21:00:00.000Z"}),
    ({"label": "3", "slices": {"region": "eu"}}, {"label": "3", "slices": {"region": "eu"}}),
]


@pytest.mark.parametrize(("item", "line"), ITEMS)
def test_item_is_kept_as_records_have_it(route: Callable, s3: Any, item: Any, line: Any) -> None:
    """What is kept of an item: labels as texts, values as floats, times in UTC, gains by item."""
    body = {"request_id": "a", **item}

    reply = posted(route(), body)

    require_asked("POST", PATH, body)
    assert (reply.status, reply.json) == (200, {"accepted": 1, "refused": []})
    [(key, [kept])] = stored(s3).items()
    assert key.startswith("feedback/m/2026-11-23T21/")
    assert kept == {"request_id": "a", **line, "received": "2026-11-23T21:30:00.000Z"}


REFUSED = [
    ("no", "an item of feedback is an object: got 'no'"),
    ({"label": "3"}, "request_id is not there: expected a text of 1 to 256 characters"),
    ({"request_id": "", "label": "3"}, "request_id: got '', expected a text of 1 to 256"),
    ({"request_id": "a"}, "got no answer, expected one of label, labels, value, values, relevant"),
    ({"request_id": "a", "label": "3", "value": 1}, "got label and value, expected one of"),
    ({"request_id": "a", "lable": "3", "x": 1}, "there is no member 'lable, x': expected some of"),
    ({"request_id": "a", "label": 1.5}, "label: got 1.5, expected a text of at most 256 charac"),
    ({"request_id": "a", "label": True}, "label: got True, expected a text"),
    ({"request_id": "a", "label": {"a": 1}}, "label: got an object of 1, expected a text"),
    ({"request_id": "a", "labels": ["1", 2.5]}, "labels: got 2.5 at 1, expected 1 to 100000"),
    ({"request_id": "a", "labels": []}, "labels: got a list of 0, expected 1 to 100000 labels"),
    ({"request_id": "a", "labels": ["1"], "row": 0}, "row: got 0 beside labels, which are of all"),
    ({"request_id": "a", "value": "3"}, "value: got '3', expected a finite number"),
    ({"request_id": "a", "label": "3", "row": -1}, "row: got -1, expected a whole number from 0"),
    ({"request_id": "a", "label": "3", "row": 1.0}, "row: got 1.0, expected a whole number from"),
    ({"request_id": "a", "relevant": {"a": 0}}, "relevant: got an object of 1, expected at least"),
    ({"request_id": "a", "relevant": {"a": -1}}, "relevant: got an object of 1, expected 1 to"),
    ({"request_id": "a", "label": "3", "at": "soon"}, "at: got 'soon', expected a time in ISO"),
    ({"request_id": "a", "label": "3", "at": "2027-01-01"}, "at: got '2027-01-01', which is still"),
    ({"request_id": "a", "label": "3", "slices": {"a b": "x"}}, "slices: got 'a b': 'x', expected"),
    (
        {"request_id": "a", "label": "3", "slices": {str(n): "x" for n in range(6)}},
        "slices: got 6, expected at most 5 short texts by name",
    ),
]


@pytest.mark.parametrize(("item", "reason"), REFUSED)
def test_item_that_is_wrong_is_refused_in_words(
    route: Callable, s3: Any, item: Any, reason: str
) -> None:
    """An item that is wrong has its index and a reason; the others are kept."""
    good = {"request_id": "b", "label": "3"}

    reply = posted(route(), {"feedback": [good, item, good]})

    assert reply.status == 200
    assert reply.json["accepted"] == 2
    [refused] = reply.json["refused"]
    assert refused["index"] == 1
    assert refused["reason"].startswith(reason)
    assert len(next(iter(stored(s3).values()))) == 2


@pytest.mark.parametrize(("item", "reason"), REFUSED[1:])
def test_one_item_that_is_wrong_is_a_400(route: Callable, s3: Any, item: Any, reason: str) -> None:
    """A body that is one item, and a wrong one, is refused as a whole, with the same words."""
    reply = posted(route(), item)

    assert reply.status == 400
    assert reply.error.startswith(reason)
    assert stored(s3) == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "feedback is not JSON"),
        (b"{", "feedback is not JSON"),
        (b"[" * 100_000, "feedback is not JSON"),
        (b'{"feedback": [NaN]}', "feedback is not JSON"),
        (b"[]", "feedback is not an object: got list"),
        ({"feedback": {}}, "feedback is not a list by itself"),
        ({"feedback": [], "label": 1}, "feedback is not a list by itself"),
        ({"feedback": []}, "feedback has no items"),
        ({"feedback": [1] * 10_001}, "feedback has too many items: got 10001"),
    ],
)
def test_body_that_is_no_feedback_is_a_400(route: Callable, body: Any, words: str) -> None:
    """What is no feedback at all is refused as a whole."""
    reply = posted(route(), body)

    assert reply.status == 400
    assert reply.error.startswith(words)


def test_list_of_nothing_right_is_answered_with_the_reasons(route: Callable, s3: Any) -> None:
    """A list whose items are all refused is still a list: each has its reason, nothing is kept."""
    reply = posted(route(), {"feedback": [{"request_id": "a"}, 1]})

    assert reply.status == 200
    assert reply.json["accepted"] == 0
    assert [item["index"] for item in reply.json["refused"]] == [0, 1]
    assert stored(s3) == {}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/none/feedback", 404),
        ("/v2/models/.m/feedback", 400),
        ("/v2/models/m/versions/1/feedback", 404),
    ],
)
def test_feedback_on_what_is_not_there_is_refused(route: Callable, path: str, status: int) -> None:
    """Feedback is of a model that exists, and of no version of it."""
    assert route().post(path, {"request_id": "a", "label": "3"}).status == status


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"label": "4"}, "label: got '4', expected one of the model's 2 classes, such as 0, 1"),
        ({"labels": ["0", 1, 7]}, "labels: got '7', expected one of the model's 2 classes"),
        ({"relevant": ["0", "x"]}, "relevant: got 'x', expected one of the model's 2 classes"),
    ],
)
def test_label_that_no_version_has_is_refused(route: Callable, item: Any, reason: str) -> None:
    """Where the classes of a model are known, a label is one of them."""
    caller = route(classes=frozenset("01"))

    assert posted(caller, {"request_id": "a", **item}).error.startswith(reason)
    assert posted(caller, {"request_id": "a", "labels": [None, 0, "1"]}).status == 200


def test_answer_of_another_task_is_refused(route: Callable) -> None:
    """Where a model's task is known, feedback is of that kind; a ranking takes one label as well."""
    regression = route(tasks=frozenset({"regression"}))
    ranking = route(tasks=frozenset({"ranking"}))

    assert posted(regression, {"request_id": "a", "label": "3"}).error == (
        "label: the model's task is regression"
    )
    assert posted(regression, {"request_id": "a", "value": 3}).status == 200
    assert posted(ranking, {"request_id": "a", "label": "3"}).status == 200
    assert posted(ranking, {"request_id": "a", "values": [3]}).status == 400


def test_repeat_of_a_post_is_stored_once(route: Callable, s3: Any) -> None:
    """The same items again in the same hour are the same object, as they were received first."""
    clock = SettableClock(AT)
    caller = route(clock)
    body = {"feedback": [{"request_id": "a", "label": "3"}, {"request_id": "b", "label": 3}]}

    first = posted(caller, body)
    before = stored(s3)
    clock.forward(minutes=20)
    again = posted(caller, body)

    assert first.json == again.json == {"accepted": 2, "refused": []}
    assert stored(s3) == before
    clock.at += timedelta(hours=1)
    posted(caller, body)
    assert len(stored(s3)) == 2


def test_compressed_feedback_is_taken_within_bounds(route: Callable, s3: Any) -> None:
    """gzip is read; what becomes too large, or is coded otherwise, is not."""
    body = json.dumps({"request_id": "a", "label": "3"}).encode()
    coded = {"content-encoding": "gzip"}

    assert posted(route(), gzip.compress(body), headers=coded).status == 200
    assert posted(route(), gzip.compress(bytes(17 << 20)), headers=coded).status == 413
    assert posted(route(), body, headers={"content-encoding": "br"}).status == 415


def test_feedback_that_cannot_be_kept_is_not_accepted(
    route: Callable, faults: Faults, impatient: None
) -> None:
    """When S3 is away, the caller is told, and may send the same again."""
    faults.on("PutObject", answer(503, "SlowDown"))

    assert posted(route(), {"request_id": "a", "label": "3"}).status == 503


SOUP = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["request_id", "row", "label", "labels", "value", "values", "relevant", "at", "slices"]
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(st.dictionaries(NAMES, SOUP) | SOUP, min_size=1, max_size=5))
def test_any_json_is_accepted_or_refused(route: Callable, items: list[Any]) -> None:
    """Whatever stands in a list, each item is counted once, and nothing falls over."""
    reply = posted(route(), {"feedback": items})

    assert reply.status == 200, reply
    assert reply.json["accepted"] + len(reply.json["refused"]) == len(items)
