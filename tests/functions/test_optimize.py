"""The function optimize, as AWS calls it: HTTP, the event bus, direct invokes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import optimize as optimize_module
import pytest
from hearth.domain.errors import BadRequest, MalformedBody
from hearth.domain.registry_entry import Actor, Policy, set_policy
from hearth.optimizing.report import DONE, RUNNING
from support import models, optimizing
from support.calling import Caller

ACTOR = Actor("test", "2026-11-25T10:00:00Z")
PATH = "/v2/repository/models/m/optimize"


class Context:
    """What Lambda hands a function besides its event."""

    def __init__(self, request_id: str = "request-1") -> None:
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self) -> int:
        return 890_000


@pytest.fixture
def optimize(function_environment) -> Iterator[Caller]:
    function_environment(AWS_LAMBDA_FUNCTION_MEMORY_SIZE="3008")
    caches = (optimize_module.settings, optimize_module.desk, optimize_module.optimizer)
    for cached in caches:
        cached.cache_clear()
    yield Caller(optimize_module.handler)
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def told(aws, bucket) -> list[dict]:
    """Events that reached the bus, as optimize's rule would be given them."""
    from hearth.stores import aws_client

    events = aws_client.client("events")
    seen: list[dict] = []

    def note(params, **_kwargs) -> None:
        seen.extend(
            {
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "detail": json.loads(entry["Detail"]),
            }
            for entry in params["Entries"]
        )

    events.meta.events.register("provide-client-params.events.PutEvents", note)
    yield seen
    events.meta.events.unregister("provide-client-params.events.PutEvents", note)


def available(bucket: str, version: int = 1, model: str = "m") -> dict:
    detail = {"bucket": bucket, "model": model, "version": version}
    return {"source": "hearth", "detail-type": "Version Available", "detail": detail}


def invoke(event: dict, request_id: str = "request-1") -> dict:
    return optimize_module.handler(event, Context(request_id))


def test_wish_is_taken_at_once_and_told_to_the_bus(optimize, serve, told):
    """API Gateway waits half a minute and a search takes some: the function tells itself."""
    serve()
    reply = optimize.post(PATH, {"objective": "size", "force": True})
    assert (reply.status, reply.json["model"], reply.json["version"]) == (202, "m", 1)
    (event,) = told
    assert event["detail-type"] == "Optimization Requested"
    assert event["detail"]["wish"]["objective"] == "size"


def test_wish_that_was_told_is_looked_for(optimize, serve, told):
    """What comes back by the bus is what was asked for, under the id that the caller was given."""
    serve()
    id_ = optimize.post(PATH, {"objective": "size"}).json["id"]
    invoke(told[0])
    report = optimize.get(f"{PATH}?version=1").json
    assert (report["id"], report["state"], report["objective"]) == (id_, DONE, "size")


def test_available_version_is_looked_at(optimize, serve, bucket):
    """The policy is `auto` unless somebody said otherwise."""
    serve()
    answer = invoke(available(bucket))
    assert (answer["state"], answer["verdict"]) == (DONE, "nothing to gain")


def test_policy_off_leaves_versions_alone(optimize, serve, registry, bucket):
    """Who switched it off finds no report."""
    serve()
    registry.change("m", lambda entry: set_policy(entry, Policy(optimize="off"), ACTOR))
    assert invoke(available(bucket)) == {"ignored": "the policy of m says: optimize off"}
    assert optimize.get(PATH).status == 404


def test_policy_candidates_only_publishes_nothing(
    optimize, publisher, load, registry, artefacts, bucket, tmp_path, monkeypatch
):
    """The search is made, and its winner stays a candidate."""
    publisher.publish(optimizing.source("digits_forest", tmp_path))
    load("digits_forest", 1)
    policy = Policy(optimize="candidates-only")
    registry.change("digits_forest", lambda entry: set_policy(entry, policy, ACTOR))
    invoke(available(bucket, model="digits_forest"))
    search = optimize_module.desk().searches.find("digits_forest", 1)
    assert (search.wish.publish, artefacts.versions("digits_forest")) == (False, [1])


def test_event_of_another_stack_is_ignored(optimize, serve):
    """Stacks of one account share a bus."""
    serve()
    assert "is not this bucket" in invoke(available("somebody-elses"))["ignored"]


def test_event_comes_twice_and_is_looked_at_once(optimize, serve, bucket):
    """EventBridge delivers at least once."""
    serve()
    first, second = invoke(available(bucket), "one"), invoke(available(bucket), "two")
    assert first == second


def test_another_wish_while_a_search_goes_on_is_refused(optimize, serve, artefacts):
    """Two searches at once would disturb each other; the caller is told until when to wait."""
    serve()
    from hearth.domain.optimization import Wish
    from hearth.optimizing.report import Progress, Report
    from hearth.optimizing.searches import Search

    report = Report("m", 1, progress=Progress(2, 9), state=RUNNING)
    optimize_module.desk().searches.begin(Search("x", "else", "", Wish(1), report), 600)
    reply = optimize.post(PATH, {"objective": "size"})
    assert reply.status == 409
    assert "2 of 9 steps done" in reply.error


def test_report_is_a_page_for_people(optimize, serve, bucket):
    """The same address in a browser is a page that needs nothing else."""
    serve()
    invoke(available(bucket))
    reply = optimize.get(PATH, headers={"accept": "text/html"})
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/v2/repository/models/nobody/optimize", {}, 404, "no version of 'nobody'"),
        ("GET", "/v2/repository/models/nobody/optimize", None, 404, "Latest(nobody)"),
        ("GET", PATH, None, 404, "no variant of 'm' was looked for"),
        ("GET", f"{PATH}?version=7", None, 404, "no variant of version 7"),
        ("POST", PATH, {"version": 7}, 404, "version 7"),
        ("POST", PATH, {"objective": "beauty"}, 400, "objective of a search"),
        ("POST", PATH, {"speed": 2}, 400, "no such field"),
        ("POST", PATH, {"recipes": ["abracadabra"]}, 400, "no such recipe"),
        ("POST", "/v2/repository/models/a%20b/optimize", {}, 400, "model name is not valid"),
    ],
)
def test_what_cannot_be_asked_is_said(optimize, serve, method, path, body, status, says):
    """Every refusal has its status and a sentence."""
    serve()
    reply = optimize.post(path, body) if method == "POST" else optimize.get(path)
    assert (reply.status, says in reply.error) == (status, True), reply.json


@pytest.mark.parametrize(
    ("event", "kind", "says"),
    [
        ({"do": "dance"}, BadRequest, "no such job"),
        ({"do": "optimize", "model": "m", "speed": 1}, MalformedBody, "no such field"),
        ({"do": "profile", "model": "m"}, BadRequest, "a profile is of one version"),
        (
            {"source": "hearth", "detail-type": "Version Available", "detail": {}},
            BadRequest,
            "bucket",
        ),
        ({}, BadRequest, "no known kind"),
    ],
)
def test_wrong_events_fail_in_words(optimize, serve, event, kind, says):
    """Lambda reports a function error by its class and message."""
    serve()
    with pytest.raises(kind, match=says):
        invoke(event)


def test_direct_invoke_answers_when_it_is_done(optimize, serve):
    """Who invokes it directly waits for the end, and gets the verdict."""
    serve()
    answer = invoke({"do": "optimize", "model": "m"})
    assert (answer["version"], answer["state"], answer["verdict"]) == (1, DONE, "nothing to gain")


def test_profile_of_a_version_is_answered_and_its_trace_stored(optimize, serve, s3, bucket):
    """The table comes back at once; the trace lies in the bucket, for Perfetto."""
    serve("m", models.DOUBLED)
    answer = invoke({"do": "profile", "model": "m", "version": 1, "runs": 20})
    assert {one["operator"] for one in answer["operators"]} >= {"Mul", "Add"}
    assert s3.head_object(Bucket=bucket, Key=answer["trace"])["ContentLength"] > 0
