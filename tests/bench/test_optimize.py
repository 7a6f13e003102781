"""What optimize makes of real models, beside what ONNX Runtime's quantisers do by default."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import HearthError
from hearth.optimizing.answering import answer
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.duelling import duel
from hearth.optimizing.gate import Evidence, judge
from hearth.optimizing.how import How
from hearth.optimizing.inspecting import inspect
from hearth.optimizing.judgement import Judgement
from hearth.optimizing.measurement import LATENCY, Duel
from hearth.optimizing.report import ACCEPTED, Report
from hearth.optimizing.subject import ROLES, Subject, prepare
from hearth.publishing.publication import Publisher, Source
from hearth.serving import golden
from hearth.serving.processor import family, features
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from support import optimizing

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3000)]

TABLE = Path(__file__).parent / "results/optimize.md"
HEAD = """\
Each model's search for latency (p50 of one row, one thread), and beside it, in the same run and by
the same duels and gate, what ONNX Runtime's `quantize_dynamic` and `quantize_static` make of it
with all defaults. Speed is the original's time over the variant's, with its 95% interval; loss is
relative to the original's metric (below 0 is better). Measured on {processor}.

| model | Hearth's choice | speed | loss | tried | `quantize_dynamic` | `quantize_static` |
| --- | --- | --- | --- | --- | --- | --- |
"""
# How much faster the variant must be at least; 0: the original must stay. Processors without
# AVX-VNNI multiply 8-bit values half as fast beside their floats.
LEAST = {
    "digits_conv": 2.5,
    "encoder": 4.0 if "avx_vnni" in features() else 2.0,
    "digits_lstm": 2.3,
    "digits_mlp": 1.0,
    "digits_depthwise": 1.0,
    "digits_forest": 0,
    "cancer_logreg": 0,
    "diabetes_gbr": 0,
}


@dataclass(frozen=True)
class Row:
    report: Report
    defaults: dict[str, str]

    @property
    def chosen(self) -> Any:
        return next((one for one in self.report.tried if one.name == self.report.chosen), None)

    def __str__(self) -> str:
        report, chosen = self.report, self.chosen
        made = f"`{chosen.name}`" if chosen else f"none: {report.verdict}"
        speed = _speed(chosen.duel) if chosen else "1"
        loss = _loss(chosen.judgement) if chosen else "0"
        cells = [report.model, made, speed, loss, str(len(report.tried)), *self.defaults.values()]
        return f"| {' | '.join(cells)} |"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    from support.network import mocked_aws

    with pytest.MonkeyPatch.context() as patch, mocked_aws():
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(key, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        folder = tmp_path_factory.mktemp("optimize")
        found = {name: _row(name, folder / name) for name in LEAST}
    TABLE.write_text(
        HEAD.format(processor=f"`{family()}`") + "\n".join(map(str, found.values())) + "\n",
        encoding="utf-8",
    )
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return found


def _row(name: str, folder: Path) -> Row:
    bucket = f"hearth-{name.replace('_', '-')}"
    documents = S3Documents(bucket)
    region = {"LocationConstraint": "eu-central-1"}
    documents._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
    artefacts = Artefacts(documents, S3Blobs(bucket))
    folder.mkdir()
    Publisher(artefacts, SystemClock()).publish(_source(name, folder))
    made = optimizing.optimizer(artefacts, documents, folder)
    report = optimizing.ask(name, made, version=1)
    read = artefacts.manifest(name, 1)
    (folder / "defaults").mkdir()
    subject = prepare(read.manifest, made.files.place(read, ROLES), folder / "defaults")
    return Row(report, {kind: _default(kind, subject) for kind in _DEFAULTS})


def _source(name: str, folder: Path) -> Source:
    if name != "encoder":
        return optimizing.source(name, folder / "data")
    sys.path.insert(0, str(optimizing.MODELS))
    try:
        from encoder import build_encoder
    finally:
        sys.path.remove(str(optimizing.MODELS))
    path = build_encoder(folder / "encoder.onnx")
    given = optimizing.data("digits", "pixels", (64,), folder / "data")
    return Source(name, path, evaluation=given.evaluation, baseline=given.reference)


def _dynamic(source: Path, target: Path, _subject: Subject) -> None:
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(str(source), str(target))


def _static(source: Path, target: Path, subject: Subject) -> None:
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            with np.load(subject.calibration) as arrays:
                rows = {name: arrays[name] for name in arrays.files}
            self._rows = iter([{n: a[at : at + 1] for n, a in rows.items()} for at in range(100)])

        def get_next(self) -> dict[str, Any] | None:
            return next(self._rows, None)

    quantize_static(str(source), str(target), Reader())


_DEFAULTS: dict[str, Callable[[Path, Path, Subject], None]] = {
    "dynamic": _dynamic,
    "static": _static,
}


def _default(kind: str, subject: Subject) -> str:
    """Return what a quantiser's defaults make of a model, in words."""
    folder = subject.cases.parent / kind
    folder.mkdir()
    try:
        _DEFAULTS[kind](subject.original.path, folder / "model.onnx", subject)
    except Exception as error:  # noqa: BLE001 (that it raises is the finding)
        return f"raises {type(error).__name__}"
    made = Candidate(kind, folder / "model.onnx")
    if inspect(made.path).operators == inspect(subject.original.path).operators:
        return "changes nothing"
    try:
        judged = _judged(made, subject)
        fought = duel(subject.original, made, subject.timing, _HOW, lambda: 120.0)
    except HearthError as error:
        return f"fails: {error.what}"
    return f"{_speed(fought)}, loss {_loss(judged)}, {judged.verdict}"


_HOW = How(batches=(1,), threads=(1,), memory_mb=1400)


def _judged(made: Candidate, subject: Subject) -> Judgement:
    folder = subject.cases.parent
    answers = {}
    for one in (subject.original, made):
        path = folder / f"{one.name}-answers.npz"
        answer(one, subject.cases, path, 1400, 300.0)
        answers[one.name] = golden.load(path)
    return judge(
        Evidence(
            manifest=subject.manifest,
            golden=subject.golden,
            original=answers["original"],
            candidate=answers[made.name],
            target=subject.target,
            source=subject.source,
        )
    )


def _speed(fought: Duel) -> str:
    ratio = fought.ratios[LATENCY]
    return f"{1 / ratio.value:.2f} ({1 / ratio.high:.2f} to {1 / ratio.low:.2f})"


def _loss(judged: Judgement | None) -> str:
    if judged is None or judged.accuracy is None:
        return "not measured"
    return f"{judged.accuracy.loss:+.2%}"


@pytest.mark.parametrize("name", LEAST)
def test_models_become_as_much_faster_as_they_can(rows, name):
    """Faster by at least so much, at a loss of at most 1%; or left as they are.

    A small dense network and a depthwise one may be either: what is published is never slower.
    """
    row = rows[name]
    if not LEAST[name] or (LEAST[name] == 1 and row.report.verdict != ACCEPTED):
        assert (row.report.verdict != ACCEPTED, row.report.published) == (True, 0), row
        return
    assert row.report.verdict == ACCEPTED, row.report.reasons
    assert 1 / row.chosen.duel.ratios[LATENCY].value >= LEAST[name], str(row)
    assert row.chosen.judgement.accuracy.loss <= 0.01
    assert row.report.published == 2
