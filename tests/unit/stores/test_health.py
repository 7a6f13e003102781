"""What the registry says of every model."""

from __future__ import annotations

import pytest
from hearth.domain.errors import StoreUnavailable, UnknownLabel, UnknownModel, UnknownVersion
from hearth.domain.routing import Target
from hearth.serving.warming import unload
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.health import (
    model_readiness,
    model_status,
    repository_index,
    server_readiness,
)
from hearth.stores.registry import Registry
from support.faults import answer
from support.models import TRIPLED


@pytest.fixture
def two(serve, publish):
    """Version 1 serves, version 2 was published and never loaded, version 3 serves."""
    serve("m")
    publish("m", TRIPLED)
    serve("m", TRIPLED.replace("3, 3", "4, 3", 1))


def test_server_is_ready_when_the_registry_can_be_read(registry, two):
    """With the registry, every AVAILABLE version can be served; an empty one is ready, too."""
    assert server_readiness(registry).ready


def test_server_is_not_ready_when_the_bucket_is_missing(s3):
    """A server that cannot know its models says why."""
    readiness = server_readiness(Registry(S3Documents("nowhere", s3)))
    assert not readiness.ready
    assert "bucket does not exist" in readiness.reasons[0]


def test_server_is_not_ready_when_s3_denies(registry, faults):
    """A missing permission is a reason, not a crash."""
    faults.on("ListObjectsV2", answer(403, "AccessDenied"))
    assert "access denied" in server_readiness(registry).reasons[0]


def test_model_is_ready_when_a_request_would_find_a_version(registry, two, loader):
    """Ready means: this request would be answered."""
    assert model_readiness(registry, Target("m")).ready
    assert model_readiness(registry, Target("m", version=1)).ready
    unload("m", loader(), "test")
    readiness = model_readiness(registry, Target("m"))
    assert not readiness.ready
    assert "label 'stable'" in readiness.reasons[0]


def test_model_that_is_unknown_is_not_just_unready(registry, two):
    """What does not exist has an error of its own."""
    with pytest.raises(UnknownModel):
        model_readiness(registry, Target("other"))
    with pytest.raises(UnknownVersion):
        model_readiness(registry, Target("m", version=9))
    with pytest.raises(UnknownLabel):
        model_readiness(registry, Target("m", label="beta"))


def test_status_lists_the_newest_version_first(registry, two):
    """TensorFlow Serving's status: every version with its state and error."""
    statuses = model_status(registry, Target("m"))["model_version_status"]
    assert [(s["version"], s["state"]) for s in statuses] == [
        ("3", "AVAILABLE"),
        ("1", "AVAILABLE"),
    ]
    assert statuses[0]["status"] == {"error_code": "OK", "error_message": ""}


def test_status_of_a_version_or_label_is_that_one_alone(registry, two):
    """Asked for one, it tells of one."""
    (one,) = model_status(registry, Target("m", version=1))["model_version_status"]
    (stable,) = model_status(registry, Target("m", label="stable"))["model_version_status"]
    assert (one["version"], stable["version"]) == ("1", "3")


def test_status_of_an_unknown_model_has_tensorflow_servings_words(registry):
    """The words that its clients know."""
    with pytest.raises(UnknownModel, match="Could not find any versions of model m"):
        model_status(registry, Target("m"))


def test_index_lists_every_version_in_tritons_words(registry, two, loader):
    """One item a version; an unloaded one says so."""
    items = repository_index(registry, only_ready=False)
    assert [(i["version"], i["state"], i["reason"]) for i in items] == [
        ("1", "READY", ""),
        ("3", "READY", ""),
    ]
    unload("m", loader(), "test")
    items = repository_index(registry, only_ready=False)
    assert {(i["state"], i["reason"]) for i in items} == {("UNAVAILABLE", "unloaded")}
    assert repository_index(registry, only_ready=True) == []


def test_index_lists_a_model_whose_entry_is_broken(registry, two, documents):
    """One broken entry is an item with its reason, and hides no other model."""
    documents.create("registry/broken.json", b"{")
    items = repository_index(registry, only_ready=False)
    assert (items[0]["name"], items[0]["state"]) == ("broken", "UNAVAILABLE")
    assert "is not JSON" in items[0]["reason"]
    assert {i["name"] for i in repository_index(registry, only_ready=True)} == {"m"}


def test_index_is_store_unavailable_when_the_registry_cannot_be_listed(registry, faults):
    """No answer is better than an empty list that is not true."""
    faults.on("ListObjectsV2", answer(503, "SlowDown"))
    with pytest.raises(StoreUnavailable):
        repository_index(registry, only_ready=False)
