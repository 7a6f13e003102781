"""The proof in its own process: what no thread could survive becomes a reason with a name."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hearth.domain.errors import DeadlineExceeded, GoldenMismatch, ModelRefused, ResourceExhausted
from hearth.domain.manifest import GoldenCases, Manifest
from hearth.publishing.publication import Source, prepare
from hearth.serving import proof_process
from hearth.serving.proof import prove
from hearth.serving.proof_process import prove_apart
from hearth.stores.clock import SystemClock
from support import models

SLOW = """<ir_version: 10, opset_import: ["" : 21]>
slow (float[N,4] x) => (float[N,4] y)
<int64 rounds = {400000000}, bool yes = {1}>
{
  y = Loop (rounds, yes, x) <body = one (int64 i, bool go, float[N,4] a) => (bool go_on, float[N,4] b) {
    go_on = Identity (go)
    b = Neg (a)
  }>
}"""

HUNGRY = """<ir_version: 10, opset_import: ["" : 21]>
hungry (float[N,4] x) => (float[N,4] y)
<int64[1] size = {900000000}, int64[1] zero = {0}>
{
  large = ConstantOfShape (size)
  one = Gather <axis = 0> (large, zero)
  y = Add (x, one)
}"""


@pytest.fixture
def placed(tmp_path: Path) -> tuple[Path, Manifest]:
    """A version's files in a folder, and its manifest."""
    folder = tmp_path / "version"
    folder.mkdir()
    onnx.save(models.model(), folder / "model.onnx")
    draft = prepare(Source("m", folder / "model.onnx"), folder, SystemClock().now())
    return folder, draft.manifest


def swapped(placed: tuple[Path, Manifest], text: str) -> tuple[Path, Manifest]:
    """The same folder with another model in it: the manifest's signature is not reached."""
    onnx.save(onnx.parser.parse_model(text), placed[0] / "model.onnx")
    return placed


def test_proof_apart_finds_what_the_proof_here_finds(placed: tuple[Path, Manifest]) -> None:
    """A proof in a child process covers the same cases with the same errors as one here."""
    apart, here = prove_apart(*placed, 1769, 60), prove(*placed, 1769)
    assert (apart.cases, apart.worst_error) == (here.cases, here.worst_error)
    assert apart.figures.cold_open_ms > 0
    assert apart.figures.warm_run_ms > 0


def test_proof_apart_names_the_error_with_its_evidence(placed: tuple[Path, Manifest]) -> None:
    """An error in the child is raised here with its class, its evidence and its words."""
    folder, manifest = placed
    strict = Manifest(
        **{
            **{name: getattr(manifest, name) for name in manifest.__dataclass_fields__},
            "golden": GoldenCases("golden.npz", manifest.golden.count + 1, "given"),
        }
    )
    with pytest.raises(GoldenMismatch) as here:
        prove(folder, strict, 1769)
    with pytest.raises(GoldenMismatch) as apart:
        prove_apart(folder, strict, 1769, 60)
    assert str(apart.value) == str(here.value)


def test_proof_apart_is_stopped_when_time_runs_out(placed: tuple[Path, Manifest]) -> None:
    """A model that never ends opening or running is stopped at the limit, with the reason."""
    folder, manifest = swapped(placed, SLOW)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="did not end in time"):
        prove_apart(folder, manifest, 1769, 2)
    assert time.monotonic() - started < 30


def test_proof_apart_names_memory_when_it_runs_out(placed: tuple[Path, Manifest]) -> None:
    """A model that needs more memory than the function has is refused for that, not killed."""
    folder, manifest = swapped(placed, HUNGRY)
    with pytest.raises(ResourceExhausted, match="memory"):
        prove_apart(folder, manifest, 1000, 60)


@pytest.mark.parametrize(
    ("status", "expected"), [(-9, ResourceExhausted), (-11, ModelRefused), (1, ModelRefused)]
)
def test_child_that_dies_without_a_word_is_a_reason(
    status: int, expected: type[Exception], make_dead: Callable[[int], object]
) -> None:
    """A child that was killed ran out of memory; one that crashed was crashed by the model."""
    with pytest.raises(expected):
        proof_process._read(make_dead(status), 1769)


@pytest.fixture
def make_dead() -> Callable[[int], object]:
    import subprocess

    return lambda status: subprocess.CompletedProcess(["child"], status, b"", b"")
