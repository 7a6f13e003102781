"""The gateway turns HTTP into payload format 2.0 events and back, as API Gateway does."""

import base64
import gzip
import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

SHOW = """
    import json
    def handler(event, context):
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"},
                "body": json.dumps(event)}
"""
ANSWER = """
    import json, os, time
    def handler(event, context):
        if event["rawPath"] == "/answer/crash":
            os._exit(1)
        if event["rawPath"] == "/answer/raise":
            raise ValueError("secret")
        if event["rawPath"] == "/answer/slow":
            time.sleep(1.5)
        if event["rawPath"] == "/answer/bytes":
            return b"not json"
        return json.loads(event["body"])
"""


JSON = {"Content-Type": "application/json"}


def route(path, method="ANY"):
    return {"Type": "HttpApi", "Properties": {"Path": path, "Method": method}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, project, run_stack):
    show = {"Proxy": route("/v1/{proxy+}"), "One": route("/v1/models/{name}", "GET")}
    show |= {"Exact": route("/v1/models/all", "GET"), "Root": route("/")}
    template = project.write(
        tmp_path_factory.mktemp("gateway"),
        {
            "show": (SHOW, {"Events": show}),
            "answer": (ANSWER, {"Events": {"All": route("/answer/{how}")}}),
        },
    )
    with run_stack(template, http_timeout_s=0.7) as running:
        yield running


@pytest.fixture
def show(stack):
    def send(method, path, **options):
        response = requests.request(method, stack.url + path, timeout=10, **options)
        assert response.status_code == 200, response.text
        return response.json()

    return send


def raw(stack, request):
    """Send bytes as they are and return the response: what clients' libraries would tidy up."""
    host, port = stack.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/v1/models/all", "GET /v1/models/all", None),
        ("GET", "/v1/models/iris", "GET /v1/models/{name}", {"name": "iris"}),
        ("POST", "/v1/models/iris", "ANY /v1/{proxy+}", {"proxy": "models/iris"}),
        ("POST", "/v1/models/m:predict", "ANY /v1/{proxy+}", {"proxy": "models/m:predict"}),
        ("GET", "/", "ANY /", None),
    ],
)
def test_request_takes_the_most_exact_route(show, method, path, key, parameters):
    """A full match beats a parameter, a parameter beats a greedy one."""
    event = show(method, path)
    assert event["routeKey"] == event["requestContext"]["routeKey"] == key
    assert event.get("pathParameters") == parameters


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/", "/v2/v1/x", "/answer/a/b"])
def test_request_without_a_route_is_not_found(stack, path):
    """What no route takes is API Gateway's 404."""
    response = requests.get(stack.url + path, timeout=10)
    assert (response.status_code, response.json()) == (404, {"message": "Not Found"})


def test_event_has_the_fields_of_format_two(show):
    """The event's keys and the request context are those that API Gateway sends."""
    event = show("GET", "/v1/x", headers={"User-Agent": "me/1"})
    assert set(event) == {
        "version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext",
        "isBase64Encoded", "pathParameters",
    }  # fmt: skip
    assert event["version"] == "2.0"
    context = event["requestContext"]
    assert context["http"] == {
        "method": "GET",
        "path": "/v1/x",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me/1",
    }
    assert context["stage"] == "$default"
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 60


def test_path_is_decoded_and_query_is_not(show):
    """rawPath is percent-decoded, rawQueryString is as it was sent."""
    event = show("GET", "/v1/a%20b/c?x=1%202&y=&x=3")
    assert event["rawPath"] == "/v1/a b/c"
    assert event["pathParameters"] == {"proxy": "a b/c"}
    assert event["rawQueryString"] == "x=1%202&y=&x=3"
    assert event["queryStringParameters"] == {"x": "1 2,3", "y": ""}


def test_repeated_headers_are_joined_and_cookies_set_apart(stack):
    """Header names are lower case, repeated ones joined by commas; cookies have a field."""
    status, event = raw(
        stack,
        b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\nX-Tag: a\r\nx-tag: b, c\r\n"
        b"Cookie: one=1; two=2\r\nConnection: close\r\n\r\n",
    )
    assert status == 200
    assert event["headers"]["x-tag"] == "a,b, c"
    assert event["cookies"] == ["one=1", "two=2"]
    assert not {"cookie", "connection"} & event["headers"].keys()
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("kind", "body", "as_text"),
    [
        ("application/json", b'{"a": "\xc3\xa9"}', True),
        ("application/json; charset=utf-8", b"{}", True),
        ("text/csv", b"1,2", True),
        ("application/json", b"\xff\xfe", False),
        ("application/octet-stream", b"plain", False),
        (None, b"plain", False),
    ],
)
def test_body_is_text_only_where_its_type_says_so(show, kind, body, as_text):
    """Text types arrive as text when they are UTF-8, everything else as base64."""
    event = show("POST", "/v1/x", data=body, headers={"Content-Type": kind} if kind else {})
    assert event["isBase64Encoded"] is not as_text
    sent = event["body"].encode() if as_text else base64.b64decode(event["body"])
    assert sent == body


def test_compressed_body_is_passed_on_as_it_is(show):
    """Content-Encoding is the function's affair."""
    packed = gzip.compress(b"{}")
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    event = show("POST", "/v1/x", data=packed, headers=headers)
    assert base64.b64decode(event["body"]) == packed
    assert event["headers"]["content-encoding"] == "gzip"


def test_chunked_body_arrives_whole(show):
    """A body of unknown length is read to its end and measured."""
    event = show("POST", "/v1/x", data=iter([b"ab", b"cd"]))
    assert base64.b64decode(event["body"]) == b"abcd"
    assert event["headers"]["content-length"] == "4"
    assert "transfer-encoding" not in event["headers"]


@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 5_000_000])
def test_body_over_a_limit_is_refused(stack, size):
    """Over 10 MB, and over Lambda's 6 MB once it is base64, a request is too large."""
    response = requests.post(stack.url + "/v1/x", data=b"\0" * size, timeout=10)
    assert response.status_code == 413
    assert response.json() == {"message": "Request Entity Too Large"}


def test_client_that_waits_for_continue_gets_it(stack):
    """A client that asks before it sends its body is told to go on."""
    host, port = stack.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"hi")
        assert b"200 OK" in connection.recv(1000)


@pytest.mark.parametrize(
    ("result", "status", "kind", "body"),
    [
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([1, 2], 200, "application/json", b"[1,2]"),
        ("text", 200, "application/json", b"text"),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 201, "body": "x"}, 201, "text/plain;charset=UTF-8", b"x"),
        ({"statusCode": "404"}, 404, "text/plain;charset=UTF-8", b""),
        (
            {"statusCode": 200, "body": "AP8=", "isBase64Encoded": True,
             "headers": {"content-type": "application/octet-stream"}},
            200, "application/octet-stream", b"\x00\xff",
        ),
    ],
)  # fmt: skip
def test_result_becomes_a_response(stack, result, status, kind, body):
    """With statusCode the result is the response; without, it is the body of a 200."""
    response = requests.post(
        stack.url + "/answer/it", data=json.dumps(result), headers=JSON, timeout=10
    )
    assert response.status_code == status
    assert response.headers["content-type"] == kind
    assert response.content == body


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": 200, "body": {"no": "text"}},
        {"statusCode": "many"},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["no", "map"]},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
    ],
)
def test_result_that_is_no_response_is_an_internal_error(stack, result):
    """A malformed response is API Gateway's 500."""
    response = requests.post(
        stack.url + "/answer/it", data=json.dumps(result), headers=JSON, timeout=10
    )
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize("how", ["raise", "crash", "bytes"])
def test_function_error_is_an_internal_error_without_details(stack, how):
    """What went wrong inside a function stays in its log."""
    response = requests.post(stack.url + f"/answer/{how}", json={}, timeout=10)
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


def test_function_over_the_integration_timeout_is_unavailable(stack):
    """The gateway stops waiting; the function runs on, and later calls are served."""
    response = requests.post(stack.url + "/answer/slow", json={}, timeout=10)
    assert (response.status_code, response.json()) == (503, {"message": "Service Unavailable"})
    assert requests.post(stack.url + "/answer/it", json={}, timeout=10).status_code == 200


def test_response_has_every_cookie_and_header(stack):
    """Each cookie is a header of its own."""
    result = {"statusCode": 200, "headers": {"X-A": 1, "x-b": True}, "cookies": ["a=1", "b=2"]}
    response = requests.post(
        stack.url + "/answer/it", data=json.dumps(result), headers=JSON, timeout=10
    )
    assert response.headers["x-a"] == "1"
    assert response.headers["x-b"] == "true"
    assert response.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_concurrent_requests_are_each_answered_with_their_own(stack):
    """Requests at once are queued and answered rightly."""
    with ThreadPoolExecutor(8) as threads:
        bodies = list(
            threads.map(
                lambda n: requests.post(stack.url + "/answer/it", json={"n": n}, timeout=10).json(),
                range(50),
            )
        )
    assert bodies == [{"n": n} for n in range(50)]


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("path", ["/answer/it", "/2015-03-31/functions/answer/invocations"])
def test_page_of_another_site_cannot_call(stack, path, headers):
    """As nothing is authorised here, what a browser sends for another site is refused."""
    response = requests.post(stack.url + path, data="{}", headers=headers, timeout=10)
    assert (response.status_code, response.json()) == (403, {"message": "Forbidden"})


def test_page_of_this_machine_can_call(show):
    """A page served from this machine is a program of this machine."""
    assert show("GET", "/v1/x", headers={"Origin": "http://localhost:3000"})
