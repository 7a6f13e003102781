"""More models than fit in one sandbox: each answers, and what fits stays open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hearth.domain.routing import Target
from hearth.serving.worker import Worker
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from support import many

MB = 1 << 20


@pytest.fixture
def names(documents: S3Documents, blobs: S3Blobs, tmp_path: Path) -> list[str]:
    """Forty models in the bucket, 0.1 to 4 MB of memory each."""
    mixture = many.mixture(40)
    many.Bucket.at(documents, blobs, tmp_path).fill(mixture)
    return list(mixture)


def use(worker: Worker, name: str) -> bool:
    """Open a model where it is not; return whether it had to be."""
    _, cold = worker.open(worker.catalogue.route(Target(name), ""))
    return cold


def open_files(folder: Path) -> int:
    return len(list(folder.glob("versions/*")))


def test_models_that_fit_are_opened_once_each(
    names: list[str], worker: Callable[..., Worker], tmp_path: Path
) -> None:
    """Forty models within the budget, asked in turn again and again, open once."""
    sandbox = worker(registry_ttl_s=1e9)
    assert [use(sandbox, name) for name in names * 3] == [True] * 40 + [False] * 80
    assert open_files(tmp_path / "serving") == 40


def test_more_models_than_fit_stay_within_the_budget(
    names: list[str], worker: Callable[..., Worker], tmp_path: Path
) -> None:
    """Where not all fit, what is open never weighs more than the budget, on disk neither."""
    sandbox = worker(registry_ttl_s=1e9, cache_mb=8)
    for name in names * 2:
        use(sandbox, name)
        assert sandbox._sessions.size <= 8 * MB
        assert open_files(tmp_path / "serving") == len(sandbox._sessions._open)
    assert 1 < len(sandbox._sessions._open) < 40


def test_two_models_that_just_fit_do_not_alternate(
    names: list[str], worker: Callable[..., Worker], tmp_path: Path
) -> None:
    """The budget is what both weigh, in whole MB: neither closes the other."""
    sandbox = worker(registry_ttl_s=1e9)
    sized = sorted(
        names,
        key=lambda name: sandbox.open(sandbox.catalogue.route(Target(name), ""))[0].size,
    )
    both = sized[-2:]
    weigh = sum(sandbox.open(sandbox.catalogue.route(Target(name), ""))[0].size for name in both)
    tight = worker(registry_ttl_s=1e9, cache_mb=-(-weigh // MB), files_dir=str(tmp_path / "tight"))
    assert [use(tight, name) for name in both * 10] == [True] * 2 + [False] * 18


def test_registry_is_asked_once_in_its_time(
    names: list[str], worker: Callable[..., Worker]
) -> None:
    """What a sandbox knows of forty models is a route each, and no history."""
    sandbox = worker(registry_ttl_s=1e9)
    for name in names:
        sandbox.catalogue.route(Target(name), "")
    known = sandbox.catalogue._seen.values()
    assert len(known) == 40
    assert all(seen.read.entry.history == () for seen in known)
