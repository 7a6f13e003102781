"""How paths parse, and which function answers which."""

from __future__ import annotations

import re

import pytest
from hearth.domain.errors import InvalidName, MalformedPath
from hearth.domain.routing import Target
from hearth.edge.gateway_routes import ROUTES, Route
from hearth.edge.routes import Call, parse_v1, parse_v2
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", "/v1/models/m", Call(Target("m"), "status")),
        ("GET", "/v1/models/m/versions/99", Call(Target("m", 99), "status")),
        ("GET", "/v1/models/m/labels/latest", Call(Target("m", 0, "latest"), "status")),
        ("GET", "/v1/models/m/metadata", Call(Target("m"), "metadata")),
        ("GET", "/v1/models/m/versions/00099/metadata", Call(Target("m", 99), "metadata")),
        ("GET", "/v1/models/m/labels/a.b-c_1/metadata", Call(Target("m", 0, "a.b-c_1"), "metadata")),
        ("POST", "/v1/models/m:predict", Call(Target("m"), "predict")),
        ("POST", "/v1/models/m/versions/7:classify", Call(Target("m", 7), "classify")),
        ("POST", "/v1/models/m/labels/latest:regress", Call(Target("m", 0, "latest"), "regress")),
        ("POST", "/V1/MODELS/Digits/VERSIONS/7:PREDICT", Call(Target("Digits", 7), "predict")),
        ("GET", "/v1/Models/m/Labels/Stable/MetaData", Call(Target("m", 0, "Stable"), "metadata")),
        ("POST", "/v1/models/%6d%2E1:predict", Call(Target("m.1"), "predict")),
        ("GET", "/v1/models/versions", Call(Target("versions"), "status")),
        ("POST", "/v1/models/m/versions/9223372036854775807:predict",
         Call(Target("m", 2**63 - 1), "predict")),
    ],
)  # fmt: skip
def test_v1_path_names_model_version_or_label_and_verb(method: str, path: str, call: Call) -> None:
    """TF Serving's paths parse whole; the words in any case, the names as they are."""
    assert parse_v1(method, path) == call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("GET", "/v1"),
        ("GET", "/"),
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/m/version/50"),
        ("GET", "/v1/models/m/versions/string"),
        ("GET", "/v1/models/m/versions/"),
        ("GET", "/v1/models/m/versions/50/labels/a"),
        ("GET", "/v1/models/m/metadata/"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/models/a/b"),
        ("GET", "/v1/models/m/versions/٣"),
        ("GET", "x/v1/models/m"),
        ("POST", "/v1/foo"),
        ("POST", "/v1/models"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m/metadata"),
        ("POST", "/v1/models/m:status"),
        ("POST", "/v1/models/m:predict/x"),
        ("POST", "/v1/models/m:predict:predict"),
        ("POST", "/v1/models/m/versions/string:predict"),
        ("POST", "/v1/models/m/versions/50/labels/some_label:regress"),
        ("POST", "/v1/models/m/versions/-1:predict"),
        ("POST", "/v1/models/:predict"),
    ],
)
def test_v1_path_of_another_form_is_a_malformed_request(method: str, path: str) -> None:
    """What TF Serving's two patterns do not match is malformed, with method and path in the message."""
    with pytest.raises(MalformedPath, match=re.escape(f"Malformed request: {method} {path}")):
        parse_v1(method, path)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/metadata/metadata/metadata"])
def test_v1_path_without_a_model_says_so(path: str) -> None:
    """There is no list of models there: the message says what is missing."""
    with pytest.raises(MalformedPath, match=r"Missing model name in request\.|Malformed request"):
        parse_v1("GET", path)


@pytest.mark.parametrize("number", ["0", "00", "9223372036854775808", "18446744073709551615"])
def test_version_beyond_int64_parses_and_is_refused(number: str) -> None:
    """The path is right, the number is not: the message is TF Serving's."""
    with pytest.raises(InvalidName, match=f"Failed to convert version: {number} to numeric"):
        parse_v1("POST", f"/v1/models/m/versions/{number}:predict")
    with pytest.raises(InvalidName, match=f"Failed to convert version: {number} to numeric"):
        parse_v2("POST", f"/v2/models/m/versions/{number}/infer")


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "a%2Fb", "%2Fetc%2Fpasswd", "a%3Ab", "%20", ".m", "-m", "m%00", "%FF", "é",
     "a" * 129],
)  # fmt: skip
def test_names_that_can_never_exist_are_refused(name: str) -> None:
    """Names are decoded first and checked then: no encoding hides a path in one."""
    for path in (f"/v1/models/{name}", f"/v1/models/m/labels/{name}"):
        with pytest.raises(InvalidName, match="is not valid"):
            parse_v1("GET", path)
    with pytest.raises(InvalidName, match="is not valid"):
        parse_v2("GET", f"/v2/models/{name}/ready")


def test_label_of_digits_is_refused() -> None:
    """A label that could be taken for a version is none."""
    with pytest.raises(InvalidName, match="not all digits"):
        parse_v1("GET", "/v1/models/m/labels/12")


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v2/models/m", Call(Target("m"), "metadata")),
        ("/v2/models/m/versions/2", Call(Target("m", 2), "metadata")),
        ("/v2/models/m/infer", Call(Target("m"), "infer")),
        ("/v2/models/m/versions/2/infer", Call(Target("m", 2), "infer")),
        ("/v2/models/m/ready", Call(Target("m"), "ready")),
        ("/v2/models/m/versions/%32/config", Call(Target("m", 2), "config")),
        ("/v2/models/a%2Eb/stats", Call(Target("a.b"), "stats")),
        ("/v2/models/m/feedback", Call(Target("m"), "feedback")),
        ("/v2/repository/models/m/load", Call(Target("m"), "load")),
        ("/v2/repository/models/m/unload", Call(Target("m"), "unload")),
        ("/v2/repository/models/m/optimize", Call(Target("m"), "optimize")),
    ],
)
def test_v2_path_names_model_version_and_verb(path: str, call: Call) -> None:
    """Open Inference's paths parse whole."""
    assert parse_v2("POST", path) == call


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v2/models",
        "/v2/models/",
        "/v2/models//infer",
        "/v2/models/m/labels/stable/infer",
        "/v2/models/m/versions//infer",
        "/v2/models/m/generate",
        "/v2/models/m/infer/",
        "/V2/models/m/infer",
        "/v2/repository/models/m",
        "/v2/repository/models/m/drop",
        "/v2/repository/models/a/b/load",
    ],
)
def test_v2_path_of_another_form_is_not_found(path: str) -> None:
    """What no route looks like is not found, with method and path in the message."""
    with pytest.raises(MalformedPath, match=re.escape(f"Not Found: POST {path}")):
        parse_v2("POST", path)


@given(st.text(), st.sampled_from(["GET", "POST", "DELETE"]), st.sampled_from(["", "/v1/models/"]))
def test_any_path_parses_or_is_refused(text: str, method: str, prefix: str) -> None:
    """No text is a fault; what parses names a model that can exist."""
    for parse in (parse_v1, parse_v2):
        try:
            call = parse(method, prefix + text)
        except (MalformedPath, InvalidName):
            continue
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", call.target.model)


def test_message_of_a_malformed_path_is_bounded() -> None:
    """A path of any length is shown by its beginning."""
    for parse in (parse_v1, parse_v2):
        with pytest.raises(MalformedPath) as caught:
            parse("GET", "/" + "x" * 1_000_000)
        assert len(str(caught.value)) < 300


# ------------------------------------------------------------------------------------- the table

VERBS = {
    "predict": {"predict", "classify", "regress", "infer", "metadata", "config"},
    "health-check": {"status", "ready"},
    "load-and-warm": {"load", "unload"},
    "metrics": {"stats", "feedback"},
    "optimize": {"optimize"},
}
PLAIN = {
    "/v1/models",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/repository/index",
    "/v2/models/stats",
    "/metrics",
    "/monitoring/prometheus/metrics",
    "/reports/{m}",
    "/openapi.json",
}


def test_routes_are_distinct_and_belong_to_five_functions() -> None:
    """Each method and path leads to one function."""
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert {route.function for route in ROUTES} == set(VERBS)


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.path not in PLAIN and "proxy" not in route.path],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_route_parses_to_what_its_function_answers(route: Route) -> None:
    """API Gateway's routes and the parsers agree on who answers what."""
    path = route.path.replace("{m}", "m").replace("{v}", "3").replace("{l}", "canary")
    parse = parse_v1 if path.startswith("/v1") else parse_v2

    call = parse(route.method, path)

    assert call.verb in VERBS[route.function]
    assert call.target.model == "m"
    assert call.target.version == (3 if "{v}" in route.path else 0)
    assert call.target.label == ("canary" if "{l}" in route.path else "")
