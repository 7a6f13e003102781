"""The flow of optimize on real models: one search, from a version to a verdict."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from hearth.domain.errors import StoreUnavailable, UnknownModel, UnknownVersion
from hearth.domain.manifest import OPTIMIZED, Tolerance
from hearth.domain.optimization import Wish
from hearth.optimizing.optimization import Attempt, Optimizer, optimize
from hearth.optimizing.report import (
    ACCEPTED,
    DONE,
    NOT_MEASURED,
    NOTHING_TO_GAIN,
    REFUSED,
    RUNNING,
    WRONG,
)
from hearth.optimizing.searches import kept_key, latest_key
from hearth.publishing.publication import Source
from hearth.serving.memory import resident_mb
from onnx import numpy_helper
from support import optimizing
from support.faults import answer

pytestmark = pytest.mark.timeout(300)

MLP = "digits_mlp"
INT8 = "int8-dynamic-matmul"
# A quarter of the size is no matter of a busy machine, so these tests say who wins.
SMALLER = {"version": 1, "objective": "size", "recipes": (INT8,)}


@pytest.fixture
def made(artefacts, documents, tmp_path, clock) -> Optimizer:
    return optimizing.optimizer(artefacts, documents, tmp_path / "optimizing", clock=clock)


@pytest.fixture
def mlp(publisher, tmp_path) -> str:
    """The digits network as version 1, with its labelled rows and reference data."""
    publisher.publish(optimizing.source(MLP, tmp_path / "data"))
    return MLP


def test_the_winner_becomes_the_next_version_with_its_lineage(mlp, made, artefacts):
    """Who reads the manifest learns what it was made of, how, with what and how good it is."""
    report = optimizing.ask(mlp, made, **SMALLER)
    assert (report.state, report.verdict, report.published) == (DONE, ACCEPTED, 2), report.reasons
    parent, child = (artefacts.manifest(mlp, n).manifest for n in (1, 2))
    assert (child.provenance.origin, child.provenance.parent) == (OPTIMIZED, 1)
    lineage = child.provenance.lineage
    assert (lineage.recipes, lineage.objective) == ((INT8,), "size")
    assert lineage.figures["size_ratio"] < 0.35
    assert lineage.figures["accuracy_loss"] <= 0.01
    assert set(lineage.tools) == {"onnxruntime", "onnx", "numpy"}
    assert child.signature == parent.signature
    assert (child.monitoring, child.class_labels) == (parent.monitoring, parent.class_labels)
    assert child.of_role("evaluation", "reference", "baseline") == parent.of_role(
        "evaluation", "reference", "baseline"
    )


def test_the_winner_is_proven_by_load_and_warm_like_any_version(mlp, made, load):
    """Its golden cases are what it answers itself, so that it is proven to answer so elsewhere."""
    optimizing.ask(mlp, made, **SMALLER)
    assert load(mlp, 2).state == "AVAILABLE"


def test_the_report_is_kept_where_the_lineage_says(mlp, made, artefacts, documents):
    """The next search of the same version writes over the newest report, and not over this one."""
    report = optimizing.ask(mlp, made, **SMALLER)
    key = artefacts.manifest(mlp, 2).manifest.provenance.lineage.report
    assert key == kept_key(mlp, 1, report.id)
    assert json.loads(documents.read(key).body)["published"] == 2


def test_a_search_is_made_once_however_often_it_is_asked_for(mlp, made, artefacts):
    """Events come twice: the second finds the first one's end, and publishes nothing."""
    first = optimizing.ask(mlp, made, **SMALLER)
    again = optimize(mlp, Wish(**SMALLER), Attempt("another", lambda: 880.0), made)
    assert (again, artefacts.versions(mlp)) == (first, [1, 2])


def test_a_search_that_is_forced_is_made_again(mlp, made, artefacts):
    """Somebody wants new figures; the same winner is the same files, and no further version."""
    first = optimizing.ask(mlp, made, **SMALLER)
    again = optimizing.ask(mlp, made, **SMALLER, force="now")
    assert (again.id != first.id, again.verdict) == (True, ACCEPTED)
    assert artefacts.versions(mlp) == [1, 2]


def test_two_searches_at_once_are_one(mlp, made, artefacts):
    """A duplicate that meets the first one at work leaves it alone, and says that it runs."""
    began, found = threading.Event(), []

    def remaining() -> float:
        if not found:
            found.append(None)
            began.set()
        return 880.0

    def first() -> None:
        found.append(optimize(mlp, Wish(**SMALLER), Attempt("first", remaining), made))

    thread = threading.Thread(target=first)
    thread.start()
    began.wait(60)
    second = None
    while second is None:  # the claim is written a moment after the first look at the clock
        there = made.searches.find(mlp, 1)
        if there is not None:
            second = optimize(mlp, Wish(**SMALLER), Attempt("second", lambda: 880.0), made)
    thread.join()
    assert second.state in (RUNNING, DONE)
    assert (found[-1].published, artefacts.versions(mlp)) == (2, [1, 2])


def test_a_variant_is_never_made_of_a_variant(mlp, made, artefacts):
    """Losses would add up, and nobody would compare with what was once right."""
    optimizing.ask(mlp, made, **SMALLER)
    report = optimizing.ask(mlp, made, **{**SMALLER, "version": 2})
    assert report.verdict == REFUSED
    assert "version 2 was itself made of version 1" in report.reasons[0]
    assert artefacts.versions(mlp) == [1, 2]


def test_without_a_version_the_newest_that_is_no_variant_is_meant(mlp, made):
    """Who names none does not mean the variant that was just made."""
    optimizing.ask(mlp, made, **SMALLER)
    assert optimizing.ask(mlp, made, **{**SMALLER, "version": 0}).version == 1


def test_candidates_only_publishes_nothing(mlp, made, artefacts):
    """The report says who would have won."""
    report = optimizing.ask(mlp, made, **SMALLER, publish=False)
    assert (report.verdict, report.chosen, report.published) == (ACCEPTED, INT8, 0)
    assert artefacts.versions(mlp) == [1]


def test_a_model_that_is_not_there_is_an_error(made):
    """There is nothing to say a verdict of."""
    with pytest.raises(UnknownModel, match="no version of 'nobody'"):
        optimizing.ask("nobody", made)


def test_a_version_that_is_not_there_is_an_error(mlp, made):
    """There is nothing to say a verdict of."""
    with pytest.raises(UnknownVersion):
        optimizing.ask(mlp, made, version=9)


@pytest.mark.parametrize("name", ["digits_forest", "cancer_logreg", "diabetes_gbr"])
def test_trees_and_linear_models_are_left_alone_in_a_sentence(name, publisher, made, tmp_path):
    """Nothing is measured, for nothing could come of it."""
    publisher.publish(optimizing.source(name, tmp_path / "data"))
    report = optimizing.ask(name, made, version=1)
    assert (report.verdict, report.tried) == (NOTHING_TO_GAIN, ())
    assert len(report.reasons) == 1


# ---- what is not as it should be


def collapsing(path: Path) -> Path:
    """Write the digits network with its hidden neurons scaled, and their outputs scaled back.

    It answers the same. One scale for a whole matrix of weights, as int8 per tensor has it, leaves
    nothing of most neurons.
    """
    model = onnx.load(optimizing.MODELS / f"{MLP}.onnx")
    weights = {t.name: t for t in model.graph.initializer}
    gemms = [node for node in model.graph.node if node.op_type in ("Gemm", "MatMul")]
    first, second = (weights[node.input[1]] for node in gemms[:2])
    a, b = numpy_helper.to_array(first), numpy_helper.to_array(second)
    transposed = a.shape[0] != 64
    width = a.shape[0] if transposed else a.shape[1]
    scale = np.float32(4.0) ** np.random.default_rng(0).integers(-4, 5, width).astype(np.float32)
    bias = weights[gemms[0].input[2]] if len(gemms[0].input) > 2 else None
    first.CopyFrom(
        numpy_helper.from_array(a * (scale[:, None] if transposed else scale), first.name)
    )
    back = b / (scale if transposed else scale[:, None])
    second.CopyFrom(numpy_helper.from_array(back.astype(np.float32), second.name))
    if bias is not None:
        value = numpy_helper.to_array(bias) * scale
        bias.CopyFrom(numpy_helper.from_array(value.astype(np.float32), bias.name))
    onnx.save(model, path)
    return path


def test_a_candidate_that_collapsed_is_refused(publisher, made, artefacts, tmp_path):
    """It is smaller, faster, and wrong: nothing is published, and the report says how wrong."""
    given = optimizing.source(MLP, tmp_path / "data")
    publisher.publish(replace(given, path=collapsing(tmp_path / "model.onnx")))
    report = optimizing.ask(MLP, made, **SMALLER)
    (tried,) = report.tried
    assert (report.verdict, tried.outcome) == (REFUSED, WRONG), report
    assert tried.judgement.accuracy.loss > 0.02
    assert artefacts.versions(MLP) == [1]


def test_without_labels_fidelity_decides_and_the_report_says_so(publisher, made, tmp_path):
    """Reference rows show that answers stay the same; how right they are was not measured."""
    given = optimizing.source(MLP, tmp_path / "data")
    publisher.publish(replace(given, evaluation=None))
    report = optimizing.ask(MLP, made, **SMALLER)
    (tried,) = report.tried
    assert (report.verdict, tried.judgement.measured) == (ACCEPTED, False), report.reasons
    assert any("accuracy was not measured" in reason for reason in tried.judgement.reasons)


def test_without_any_data_nothing_lossy_is_accepted(publisher, made, artefacts):
    """A few made-up golden cases prove nothing of a quantised model."""
    publisher.publish(Source(MLP, optimizing.MODELS / f"{MLP}.onnx"))
    report = optimizing.ask(MLP, made, **SMALLER)
    assert (report.verdict, artefacts.versions(MLP)) == (REFUSED, [1])


def test_an_evaluation_set_of_one_class_proves_nothing(publisher, made, artefacts, tmp_path):
    """A model that says the same to everything would be right on all of it."""
    given = optimizing.source(MLP, tmp_path / "data")
    with np.load(given.evaluation) as arrays:
        ones = arrays["target"] == 1
        rows = {name: arrays[name][ones] for name in arrays.files}
    np.savez(tmp_path / "ones.npz", **rows)
    publisher.publish(replace(given, evaluation=tmp_path / "ones.npz"))
    report = optimizing.ask(MLP, made, **SMALLER)
    assert (report.verdict, artefacts.versions(MLP)) == (REFUSED, [1])
    assert "one class" in " ".join(report.tried[0].reasons)


def test_an_evaluation_set_of_another_signature_is_no_evidence(
    mlp, made, artefacts, documents, publisher, tmp_path
):
    """It was exchanged behind the publisher's back: labels prove nothing, and the gate stays shut."""
    read = artefacts.manifest(mlp, 1).manifest
    np.savez(tmp_path / "wrong.npz", other=np.zeros((9, 3), np.float32), target=np.zeros(9))
    from hearth.publishing.publication import Draft, describe

    wrong = describe("evaluation.npz", tmp_path / "wrong.npz", "evaluation")
    files = tuple(wrong if file.role == "evaluation" else file for file in read.files)
    folder = made.files.place(artefacts.manifest(mlp, 1), [file.role for file in files])
    paths = {file.path: folder / file.path for file in files} | {wrong.path: tmp_path / "wrong.npz"}
    publisher.release(Draft(replace(read, files=files), paths))
    report = optimizing.ask(mlp, made, **{**SMALLER, "version": 2})
    assert (report.verdict, artefacts.versions(mlp)) == (REFUSED, [1, 2])
    assert "accuracy could not be measured" in report.tried[0].reasons[0]
    assert "evaluation set cannot be used" in report.notes[0]


def test_a_candidate_that_answers_nan_is_refused(publisher, made, artefacts, tmp_path):
    """Small values beside a large one become 0 in 8 bits, and 0 divided by 0 is no number."""
    text = """
    <ir_version: 10, opset_import: ["" : 21]>
    ratio (float[N, 64] x) => (float[N, 64] y) { a = MatMul(x, w)  y = Div(a, a) }
    """
    model = onnx.parser.parse_model(text)
    weight = np.eye(64, dtype=np.float32) * 9
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    onnx.save(model, tmp_path / "ratio.onnx")
    rows = np.random.default_rng(0).uniform(0.1, 0.2, (500, 64)).astype(np.float32)
    rows[:, 0] *= 10_000
    np.savez(tmp_path / "rows.npz", x=rows)
    publisher.publish(Source("ratio", tmp_path / "ratio.onnx", baseline=tmp_path / "rows.npz"))
    report = optimizing.ask("ratio", made, **SMALLER)
    assert (report.verdict, report.tried[0].outcome) == (REFUSED, WRONG), report
    assert "NaN or infinity" in report.tried[0].reasons[0]
    assert artefacts.versions("ratio") == [1]


def test_a_model_that_does_not_fit_in_memory_is_a_verdict(mlp, artefacts, documents, tmp_path):
    """The original cannot be measured in what a small function has, and the report says so."""
    size = int(resident_mb()) + 120  # what this process holds is the function's, too
    small = optimizing.optimizer(artefacts, documents, tmp_path / "small", memory_mb=size)
    report = optimizing.ask(mlp, small, **SMALLER)
    assert (report.verdict, report.published) == (REFUSED, 0)
    assert "memory" in " ".join(report.reasons)


def test_when_time_runs_out_what_was_not_measured_is_named(mlp, made, artefacts):
    """The search ends with a verdict on what it has seen, before Lambda ends it."""
    left = iter([880.0] * 12)
    report = optimizing.ask(mlp, made, seconds=lambda: next(left, 46.0), version=1)
    late = [one for one in report.tried if one.outcome == NOT_MEASURED]
    assert report.state == DONE
    assert late
    assert all("time" in " ".join(one.reasons) for one in late)
    assert any("time" in note for note in report.notes)


def test_a_manifest_may_allow_more_loss(publisher, made, tmp_path):
    """Whose model it is decides how much worse it may become."""
    given = optimizing.source(MLP, tmp_path / "data", tolerance=Tolerance("f1_macro", 0.05))
    publisher.publish(given)
    report = optimizing.ask(MLP, made, **SMALLER)
    assert dict(report.limits) == {"metric": "f1_macro", "max_loss": "0.05"}
    assert report.tried[0].judgement.accuracy.metric == "f1_macro"


def test_a_bucket_that_fails_is_left_to_the_retry(mlp, made, faults, documents):
    """AWS calls again with the same request id, and the search is taken up where it stood."""
    faults.on("PutObject", answer(503, "SlowDown"))
    with pytest.raises(StoreUnavailable):
        optimizing.ask(mlp, made, **SMALLER)
    faults.heal()
    assert optimizing.ask(mlp, made, **SMALLER).published == 2


def test_a_search_that_died_after_publishing_finds_what_it_published(mlp, made, documents, clock):
    """Between the manifest and the last word lies a moment in which a sandbox can die."""
    report = optimizing.ask(mlp, made, **SMALLER)
    key = latest_key(mlp, 1)
    found = documents.read(key)
    search = json.loads(found.body)
    search["report"] |= {"state": RUNNING, "published": 0, "ended_at": ""}
    documents.replace(key, json.dumps(search).encode(), found.etag)
    clock.forward(hours=1)
    again = optimize(mlp, Wish(**SMALLER), Attempt("retry", lambda: 880.0), made)
    assert (again.published, again.tried) == (2, report.tried)
    assert made.artefacts.versions(mlp) == [1, 2]


def test_what_a_stopped_search_left_is_removed(mlp, made):
    """A sandbox that was stopped in the middle keeps its files, and 4 GB are soon full."""
    left = made.workspace / "search-old"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    optimizing.ask(mlp, made, version=1, recipes=("fusion",))
    assert list(made.workspace.iterdir()) == []
