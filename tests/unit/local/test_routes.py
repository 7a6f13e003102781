"""Requests take routes as API Gateway ranks them."""

import pytest
from hearth_local import routes
from hearth_local.events import Route


def found(declared, method, path):
    made = [Route(*key.split(" ", 1), "f") for key in declared]
    match = routes.find(made, method, path)
    return (match.route.key, dict(match.parameters)) if match else None


@pytest.mark.parametrize(
    ("path", "key", "parameters"),
    [
        ("/a/b", "GET /a/b", {}),
        ("/a/x", "GET /a/{one}", {"one": "x"}),
        ("/a/x/y", "GET /a/{rest+}", {"rest": "x/y"}),
        ("/a/b/c", "GET /{one}/b/c", {"one": "a"}),
        ("/z", "GET $default", {}),
        ("/a%2Fb", "GET $default", {}),
        ("/a/x%20y", "GET /a/{one}", {"one": "x y"}),
        ("/a/m:predict", "GET /a/{one}", {"one": "m:predict"}),
    ],
)
def test_exact_segments_beat_parameters_and_those_beat_greedy_ones(path, key, parameters):
    """The first segment that differs in kind decides; parameters are decoded."""
    declared = ["GET /a/{rest+}", "GET /a/{one}", "GET /a/b", "GET $default", "GET /{one}/b/c"]
    if path == "/a/b/c":
        declared.remove("GET /a/{rest+}")
    assert found(declared, "GET", path) == (key, parameters)


def test_method_beats_any_on_the_same_path():
    """ANY takes what no route of the method takes."""
    declared = ["ANY /a", "GET /a"]
    assert found(declared, "GET", "/a") == ("GET /a", {})
    assert found(declared, "PUT", "/a") == ("ANY /a", {})


def test_path_beats_method():
    """A more exact path with ANY beats a greedy one with the method."""
    assert found(["GET /{p+}", "ANY /a"], "GET", "/a") == ("ANY /a", {})


@pytest.mark.parametrize("path", ["/a/", "/a", "/a/b/c", "//", ""])
def test_parameter_takes_one_whole_segment_that_is_not_empty(path):
    """Neither an empty segment nor two of them are a parameter."""
    assert found(["GET /a/{one}"], "GET", path) is None


@pytest.mark.parametrize("path", ["/a", "/a/"])
def test_greedy_parameter_takes_at_least_something(path):
    """`/a/{rest+}` does not take `/a`."""
    assert found(["GET /a/{rest+}"], "GET", path) is None
