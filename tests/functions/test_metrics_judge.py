"""From predictions to a verdict: a real model's records, counted, judged, reported and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hearth.domain import registry_entry as entries
from hearth.domain.baseline import Baseline, Watched
from hearth.domain.distribution import NUMERIC, Counts, Feature
from hearth.domain.errors import StoreUnavailable
from hearth.domain.monitoring import MonitoringOptions, Threshold
from hearth.domain.registry_entry import Actor
from hearth.edge.events import http_request, object_created
from hearth.monitoring import judging, metrics_jobs, reports
from hearth.monitoring.metrics_routes import metrics
from hearth.monitoring.monitor import Monitor, assemble
from hearth.monitoring.report import DRIFTED, FAILED, INSUFFICIENT, STABLE, Report
from hearth.monitoring.report_document import to_document
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.registry import Registry
from models import data
from prometheus_client.parser import text_string_to_metric_families
from support import emf, events, watched
from support.calling import Caller
from support.faults import Faults, answer
from support.recording import RecordingAnnouncer, SettableClock

MODELS = Path(__file__).parents[1] / "models"
CANCER = MODELS / "cancer_logreg.onnx"
ROWS = 40  # rows of a request


@dataclass
class House:
    """predict and metrics around one bucket: what the one logs, the other is handed."""

    predict: Caller
    monitor: Monitor
    announcer: RecordingAnnouncer
    log: Callable[[], list[str]]
    emitted: list[str] = field(default_factory=list)
    asked: int = 0

    def ask(self, rows: Any, **headers: str) -> str:
        """Predict rows; return the request's id."""
        self.asked += 1
        name = f"request-{self.asked}"
        body = {"inputs": [tensor(rows)]}
        reply = self.predict.post("/v2/models/m/infer", body, headers=headers, request_id=name)
        assert reply.status == 200, reply
        return name

    def ask_all(self, rows: Any, **headers: str) -> list[str]:
        parts = [rows[at : at + ROWS] for at in range(0, len(rows), ROWS)]
        return [self.ask(part, **headers) for part in parts]

    def count(self) -> None:
        """Hand on what was logged since, and add it up."""
        event = watched.packed(self.log())
        metrics_jobs.on_records(log_batch(event), self.monitor)
        metrics_jobs.on_job({"do": "tally"}, self.monitor, self.emitted.append, lambda: 60.0)

    def judge(self) -> Report:
        report, _ = judging.judge_model(
            self.monitor, "m", self.monitor.hours(), self.emitted.append
        )
        return report

    def tell(self, *items: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"feedback": items})
        event = events.http("POST", "/v2/models/m/feedback", body)
        found: dict[str, Any] = json.loads(metrics(http_request(event), self.monitor).body)
        return found

    def get(self, path: str, **headers: str) -> Any:
        return metrics(http_request(events.http("GET", path, b"", headers)), self.monitor)


def log_batch(event: dict[str, Any]) -> Any:
    from hearth.edge.events import log_batch as read

    return read(event)


def tensor(rows: Any) -> dict[str, Any]:
    return {
        "name": "features",
        "datatype": "FP32",
        "shape": list(rows.shape),
        "data": rows.ravel().tolist(),
    }


@pytest.fixture
def house(
    predict: Caller,
    documents: S3Documents,
    artefacts: Artefacts,
    announcer: RecordingAnnouncer,
    clock: SettableClock,
    capfd: pytest.CaptureFixture[str],
) -> House:
    def log() -> list[str]:
        return capfd.readouterr().out.split("\n")[:-1]

    return House(predict, assemble(documents, artefacts, announcer, clock), announcer, log)


@pytest.fixture
def served(house: House, serve: Callable[..., Any], tmp_path: Path) -> Callable[..., data.Split]:
    """`served(baseline=, evaluation=, **options)`: the tumours' classifier, watched."""

    def make(*, baseline: bool = True, evaluation: bool = True, **options: Any) -> data.Split:
        split = data.breast_cancer()
        source: dict[str, Any] = {"monitoring": MonitoringOptions(**options)} if options else {}
        if baseline:
            source["baseline"] = tmp_path / "baseline.npz"
            np.savez(source["baseline"], features=split.train_x)
        if evaluation:
            source["evaluation"] = tmp_path / "evaluation.npz"
            target = split.held_out_y.astype(str)
            np.savez(source["evaluation"], features=split.held_out_x, target=target)
        serve("m", CANCER, **source)
        house.announcer.told.clear()
        return split

    return make


def test_model_that_stands_still_is_well(house: House, served: Any, s3: Any, bucket: str) -> None:
    """Rows like the baseline's: stable, well, told once, with documents in SageMaker's shape."""
    split = served()
    house.ask_all(split.train_x)
    house.count()

    report = house.judge()

    [version] = report.versions
    assert (report.verdict, version.drift.verdict) == ("well", STABLE), version.drift.reasons
    assert version.traffic.requests == 11
    assert (version.traffic.rows, version.drift.rows) == (426, 426)
    assert version.labels == {"stable": 1.0}
    assert version.violations == ()
    [(kind, told)] = house.announcer.told
    assert (kind, told["verdict"], told["report"]) == (
        "Verdict Changed",
        "well",
        "reports/m/latest.json",
    )
    assert {change["what"] for change in told["changes"]} == {"model", "drift"}
    [line] = house.emitted
    assert emf.read(line)["Unwell"] == 0
    folder = f"reports/m/1/{report.until}"
    kept = {
        item["Key"].rpartition("/")[2]: json.loads(
            s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        )
        for item in s3.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]
    }
    assert kept.keys() == {"statistics.json", "constraints.json", "constraint_violations.json"}
    assert kept["statistics.json"]["dataset"]["item_count"] == 426
    assert len(kept["constraints.json"]["features"]) == 30

    house.judge()
    assert len(house.announcer.told) == 1  # nothing changed


def test_shifted_inputs_are_drift_and_an_event(house: House, served: Any) -> None:
    """One measurement half as large again: drifted by name, unwell, and told with what was before."""
    split = served()
    house.ask_all(split.train_x)
    house.count()
    house.judge()
    house.announcer.told.clear()
    shifted = split.train_x.copy()
    shifted[:, 3] *= 1.5
    house.ask_all(shifted)
    house.count()

    report = house.judge()

    [version] = report.versions
    drifted = [f.name for f in version.drift.features if f.verdict == DRIFTED]
    assert "features[3]" in drifted
    assert report.verdict == "unwell"
    assert "features[3]" in report.reasons[0]
    [(_, told)] = house.announcer.told
    assert {"what": "drift", "version": 1, "before": STABLE, "after": DRIFTED} in told["changes"]
    assert emf.read(house.emitted[-1])["Drifted"] == 1


def test_feedback_becomes_quality_with_intervals(house: House, served: Any) -> None:
    """Labels by request and row: accuracy as scikit-learn has it, by slice, within its interval."""
    split = served()
    half = len(split.held_out_x) // 2
    ids = {}
    for at in range(0, 2 * half, 20):  # records hold so many rows whole
        region = "eu" if at < half else "us"
        rows = range(at, min(at + 20, 2 * half))
        asked = split.held_out_x[rows.start : rows.stop]
        ids[house.ask(asked, **{"X-Hearth-Slices": f"region={region}"})] = rows
    house.count()
    items = [
        {"request_id": name, "row": row, "label": str(split.held_out_y[at])}
        for name, rows in ids.items()
        for row, at in enumerate(rows)
    ]
    answered = house.tell(*items, {"request_id": "nobody", "label": "benign"})
    refused = house.tell(
        {"request_id": "request-1", "row": 0, "label": "purple"},
        {"request_id": "request-1", "row": 0, "label": str(split.held_out_y[0])},
    )

    report = house.judge()

    assert answered == {"accepted": 2 * half + 1, "refused": []}
    assert [item["index"] for item in refused["refused"]] == [0]
    [version] = report.versions
    quality = version.quality
    assert quality is not None
    assert (quality.labelled, quality.predictions) == (2 * half, 2 * half)
    found = {metric.name: metric for metric in quality.metrics}
    accuracy = found["accuracy"]
    assert accuracy.value == pytest.approx(0.986, abs=0.01)
    assert accuracy.low < accuracy.value <= accuracy.high
    assert {part.slice for part in quality.slices} == {"region=eu", "region=us"}
    assert report.set_aside["feedback_unknown"] == 1
    assert report.set_aside["feedback_repeated"] == 1
    assert quality.estimate is not None
    assert quality.gate is None


def test_quality_under_its_threshold_is_unwell(house: House, served: Any) -> None:
    """A gate that fails is the first reason; the threshold is the manifest's."""
    split = served(thresholds={"accuracy": Threshold(lower=0.9)})
    name = house.ask(split.held_out_x[:40])
    house.count()
    wrong = {"benign": "malignant", "malignant": "benign"}
    labels = [wrong[str(y)] if at % 3 else str(y) for at, y in enumerate(split.held_out_y[:40])]
    house.tell({"request_id": name, "labels": labels})

    report = house.judge()

    gate = report.versions[0].quality.gate  # type: ignore[union-attr]
    assert gate is not None
    assert gate.verdict == FAILED
    assert report.verdict == "unwell"
    assert "accuracy" in report.reasons[0]
    assert emf.read(house.emitted[-1])["QualityFailed"] == 1


def test_missing_labels_fail_the_gate(house: House, served: Any) -> None:
    """A threshold on a metric that nobody could measure is not passed."""
    split = served(thresholds={"accuracy": Threshold(lower=0.9)})
    house.ask_all(split.train_x[:80])
    house.count()

    gate = house.judge().versions[0].quality.gate  # type: ignore[union-attr]

    assert gate is not None
    assert gate.verdict == FAILED


def test_window_without_data_is_unknown(house: House, served: Any) -> None:
    """Nobody asked: nothing is claimed, and it is said why."""
    served()

    report = house.judge()

    assert report.verdict == "unknown"
    assert report.reasons == ("version 1: no requests in the window",)
    assert report.versions[0].drift.verdict == INSUFFICIENT


def test_first_window_is_a_provisional_baseline(house: House, served: Any) -> None:
    """Without reference data, the first rows are the baseline, and the report says so."""
    split = served(baseline=False, evaluation=False)
    house.ask_all(split.train_x[:240])
    house.count()
    assert house.judge().versions[0].drift.verdict == INSUFFICIENT

    house.monitor.baselines._missing.clear()  # a minute later
    house.count()
    house.count()
    house.ask_all(split.train_x)
    house.count()
    drift = house.judge().versions[0].drift

    assert drift.provisional
    assert drift.verdict == STABLE, drift.reasons


def test_records_of_a_version_without_manifest_are_noted(house: House, served: Any) -> None:
    """Traffic of what can no longer be read is in the report, with the reason."""
    served()
    now = int(house.monitor.clock.now().timestamp() * 1000)
    event = watched.packed([watched.record("m", "9", at=now)])
    metrics_jobs.on_records(log_batch(event), house.monitor)

    versions = {version.version: version for version in house.judge().versions}

    assert versions[9].traffic.requests == 1
    assert versions[9].state == "unknown"
    assert "Could not find version 9" in versions[9].notes[0]


def test_baseline_of_another_signature_is_set_aside(
    house: House, served: Any, registry: Registry, s3: Any, bucket: str
) -> None:
    """Traffic is counted, drift is not judged, and the report says which baseline is at fault."""
    served()
    feature = Feature("height", NUMERIC, edges=(0.0, 1.0, 2.0))
    foreign = Baseline(100, (Watched(feature, Counts(bins=(50, 50))),))
    for key, body in watched.published("other", 1, ["width"], foreign).items():
        s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
    loading = Actor("test", "2026-11-25T00:00:00.000Z", "")
    registry.change("other", lambda entry: entries.begin_loading(entry, 1, "a", "", loading))
    now = int(house.monitor.clock.now().timestamp() * 1000)
    line = watched.record("other", at=now, features=[[0.5]])
    metrics_jobs.on_records(log_batch(watched.packed([line])), house.monitor)

    report, _ = judging.judge_model(
        house.monitor, "other", house.monitor.hours(), house.emitted.append
    )

    [version] = report.versions
    assert version.traffic.requests == 1
    assert version.drift.verdict == INSUFFICIENT
    assert "the baseline was set aside" in version.notes[0]
    assert report.set_aside["rows_unmatched"] == 1


def test_verdict_that_could_not_be_told_is_told_by_the_next_run(
    house: House, served: Any, documents: S3Documents
) -> None:
    """The report that knows of a change is written after the bus took it."""
    served()
    house.announcer.broken = True
    with pytest.raises(StoreUnavailable):
        house.judge()
    assert reports.read_latest(documents, "m").report is None

    house.announcer.broken = False
    house.judge()

    assert [kind for kind, _ in house.announcer.told] == ["Verdict Changed"]


def test_crash_before_the_report_is_written_tells_it_twice(
    house: House, served: Any, faults: Faults
) -> None:
    """Never not at all: whoever listens may hear of a change again."""
    served()
    faults.on("PutObject", answer(403, "AccessDenied"), times=1)
    with pytest.raises(Exception, match="access denied"):
        house.judge()
    house.judge()

    assert len(house.announcer.told) == 2
    assert len(house.emitted) == 1


def test_report_that_cannot_be_read_is_written_anew(
    house: House, served: Any, documents: S3Documents
) -> None:
    """A corrupt report does not keep the next one from being written."""
    served()
    documents.create("reports/m/latest.json", b"{")

    report = house.judge()

    kept = reports.read_latest(documents, "m").report
    assert kept is not None
    assert to_document(kept) == to_document(report)


def test_second_judge_of_the_same_moment_says_nothing(
    house: House, served: Any, documents: S3Documents
) -> None:
    """Two runs at once write one report, and one line of metrics."""
    served()
    before = reports.read_latest(documents, "m")
    report = house.judge()

    assert not reports.write_latest(documents, report, before.etag)
    assert len(house.emitted) == 1


def test_one_unreadable_model_does_not_keep_others_from_being_judged(
    house: House, served: Any, documents: S3Documents
) -> None:
    """Each model is judged by itself; those that were judged longest ago come first."""
    served()
    documents.create("registry/broken.json", b"{")

    first = judging.judge_all(house.monitor, house.emitted.append, lambda: 60.0)
    late = judging.judge_all(house.monitor, house.emitted.append, lambda: 1.0)

    assert first.judged == {"m": "unknown"}
    assert first.unreadable.keys() == {"broken"}
    assert late.left == ["broken", "m"]
    assert reports.read_summary(documents)[0].models.keys() == {"m"}


def test_report_is_a_page_and_json(house: House, served: Any) -> None:
    """The same report in both forms; one that was not judged yet says what to do."""
    served()
    early = json.loads(house.get("/reports/m").body)
    assert early["verdict"] == "unknown"
    assert "not judged yet" in early["reasons"][0]

    report = house.judge()

    assert json.loads(house.get("/reports/m").body) == json.loads(orjson.dumps(to_document(report)))
    page = house.get("/reports/m", accept="text/html")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<!doctype html>" in page.body[:40].lower()


def test_metrics_count_what_was_asked_and_tell_what_was_judged(house: House, served: Any) -> None:
    """Sent 11, counted 11; the verdicts beside them are the report's."""
    split = served()
    house.ask_all(split.train_x)
    house.count()
    judging.judge_one(house.monitor, "m", house.emitted.append)

    text = house.get("/metrics").body.decode()

    samples = {
        (sample.name, sample.labels.get("version")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("model") == "m"
    }
    assert samples["hearth_rows_total", "1"] == 426
    requests = [v for (name, _), v in samples.items() if name == "hearth_requests_total"]
    assert sum(requests) == 11
    tf = house.get("/monitoring/prometheus/metrics").body.decode()
    assert ":tensorflow:serving:request_count" in tf


def test_dropped_feedback_is_taken_up(
    house: House, served: Any, s3: Any, bucket: str, documents: S3Documents
) -> None:
    """A file in the inbox counts as what was posted; what is refused lies beside it by line."""
    split = served()
    name = house.ask(split.held_out_x[:40])
    house.count()
    lines = [
        {"request_id": name, "row": row, "label": str(y)}
        for row, y in enumerate(split.held_out_y[:40])
    ]
    body = "\n".join(map(json.dumps, [*lines, {"request_id": name, "row": 0, "label": 7.5}]))
    key = "feedback/m/inbox/labels.jsonl"
    s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
    created = object_created(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
        }
    )

    first = metrics_jobs.on_dropped(created, bucket, house.monitor)
    again = metrics_jobs.on_dropped(created, bucket, house.monitor)
    other = metrics_jobs.on_dropped(created, "another", house.monitor)

    assert (first["accepted"], first["refused"]) == (40, 1)
    assert again == first
    assert "ignored" in other
    [version] = house.judge().versions
    assert version.quality is not None
    assert version.quality.labelled == 40
