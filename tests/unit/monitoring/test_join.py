"""Feedback and predictions find each other by id and row; what does not is counted by name."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hearth.domain.monitoring import RANKING, REGRESSION
from hearth.monitoring.quality import quality
from hearth.monitoring.stored import Window
from hearth.monitoring.truth import Truth
from hypothesis import given
from hypothesis import strategies as st
from support.lines import (
    HOUR,
    NOW,
    WINDOW,
    classified,
    judged,
    record,
    store_feedback,
    store_records,
)

LATER = "2026-11-24T03"


def joined(documents: Any, *versions: Any, heard: str = "", window: Window = WINDOW) -> Any:
    """Return labelled and right rows by version, and what was set aside."""
    found, set_aside = quality("m", versions or [judged()], window, documents, heard)
    right = {
        number: (one.labelled, sum(row.get(true, 0) for true, row in one.confusion.items()))
        for number, one in found.items()
    }
    return right, set_aside


def test_feedback_names_a_request_or_a_caller(documents: Any) -> None:
    """The id of the answer and the id that the caller gave are as good as one another."""
    store_records(documents, [classified("r1", "3"), classified("r2", "4", caller_id="mine")])
    store_feedback(
        documents, {"request_id": "r1", "label": "3"}, {"request_id": "mine", "label": 3}
    )

    assert joined(documents) == ({1: (2, 1)}, {})


def test_rows_of_a_batch_are_named_one_by_one_or_together(documents: Any) -> None:
    """`row` names one row, `labels` all of them; null leaves one out."""
    store_records(documents, [record("a", predicted=["1", "2", "3"])])
    store_records(documents, [record("b", predicted=["1", "2", "3"])], name="b")
    store_feedback(
        documents,
        {"request_id": "a", "labels": [1, None, 2]},
        {"request_id": "b", "label": 3, "row": 2},
    )

    assert joined(documents) == ({1: (3, 2)}, {})


def test_versions_are_told_apart_by_their_records(documents: Any) -> None:
    """Feedback names no version: the record that it finds does."""
    store_records(documents, [classified("r1", "3")], version=1)
    store_records(documents, [classified("r2", "3"), classified("r3", "1")], version=2)
    store_feedback(documents, *({"request_id": f"r{n}", "label": 3} for n in (1, 2, 3)))

    assert joined(documents, judged(1), judged(2)) == ({1: (1, 1), 2: (2, 1)}, {})


def test_label_that_comes_later_counts(documents: Any) -> None:
    """Feedback is read up to the hour that the caller says, whenever the prediction was."""
    store_records(documents, [classified("r1", "3")])
    store_feedback(documents, {"request_id": "r1", "label": 3}, at=NOW + timedelta(hours=5))

    assert joined(documents) == ({1: (0, 0)}, {})
    assert joined(documents, heard=LATER) == ({1: (1, 1)}, {})


def test_id_that_no_prediction_has_is_unknown(documents: Any) -> None:
    """What names nothing in the window is counted; as late, where it was known before it began."""
    store_records(documents, [classified("r1", "3")])
    store_records(documents, [classified("old", "3")], hour="2026-11-23T20")
    store_feedback(
        documents,
        {"request_id": "old", "label": 3, "at": "2026-11-23T20:59:59Z"},
        {"request_id": "none", "labels": [3, 3]},
    )

    assert joined(documents) == ({1: (0, 0)}, {"feedback_late": 1, "feedback_unknown": 2})


def test_callers_id_of_several_predictions_is_ambiguous(documents: Any) -> None:
    """A caller's id that two answered predictions have names neither, whatever the row."""
    store_records(
        documents,
        [
            classified("r1", "3", caller_id="twice"),
            classified("r3", "3", caller_id="once"),
            record("r4", caller_id="once", error="BadRequest", status=400),
        ],
    )
    store_records(documents, [classified("r2", "3", caller_id="twice")], version=2)
    store_feedback(
        documents,
        {"request_id": "twice", "label": 3},
        {"request_id": "twice", "label": 3, "row": 0},
        {"request_id": "once", "label": 3},
    )

    assert joined(documents, judged(1), judged(2)) == (
        {1: (1, 1), 2: (0, 0)},
        {"feedback_ambiguous": 2},
    )


def test_requests_own_id_is_stronger_than_a_callers(documents: Any) -> None:
    """A caller who takes another request's id for his own takes no feedback away from it."""
    store_records(
        documents, [classified("r2", "4", caller_id="r1"), classified("r1", "3", caller_id="r1")]
    )
    store_feedback(documents, {"request_id": "r1", "label": 3})

    assert joined(documents) == ({1: (1, 1)}, {})


def test_ambiguous_prediction_is_still_named_by_its_own_id(documents: Any) -> None:
    """Where the caller's id does not do, the request's own does."""
    store_records(documents, [classified(f"r{n}", "3", caller_id="x") for n in (1, 2, 3)])
    store_feedback(documents, {"request_id": "x", "label": 1}, {"request_id": "r2", "label": 3})

    assert joined(documents) == ({1: (1, 1)}, {"feedback_ambiguous": 1})


def test_last_of_contradicting_feedback_holds(documents: Any) -> None:
    """A later answer for the same row wins, by whichever id; the earlier one is counted."""
    store_records(documents, [classified("r1", "3", caller_id="mine")])
    store_feedback(documents, {"request_id": "mine", "label": 4})
    store_feedback(
        documents, {"request_id": "r1", "label": 3, "row": 0}, at=NOW + timedelta(minutes=5)
    )

    assert joined(documents) == ({1: (1, 1)}, {"feedback_contradicted": 1})


def test_time_that_is_given_decides(documents: Any) -> None:
    """`at` says when an answer was known: it may come after a newer one."""
    store_records(documents, [classified("r1", "3")])
    store_feedback(documents, {"request_id": "r1", "label": 3, "at": "2026-11-23T21:20:00Z"})
    later = NOW + timedelta(minutes=20)
    store_feedback(
        documents, {"request_id": "r1", "label": 4, "at": "2026-11-23T21:10:00Z"}, at=later
    )

    assert joined(documents) == ({1: (1, 1)}, {"feedback_contradicted": 1})


def test_repeat_neither_counts_nor_wins(documents: Any) -> None:
    """A post that is sent again an hour later was said when it came first: corrections stand."""
    store_records(documents, [classified("r1", "3")])
    store_feedback(documents, {"request_id": "r1", "label": 4})
    store_feedback(documents, {"request_id": "r1", "label": 3}, at=NOW + timedelta(minutes=1))
    store_feedback(documents, {"request_id": "r1", "label": 4}, at=NOW + timedelta(hours=1))

    found = joined(documents, heard=LATER)

    assert found == ({1: (1, 1)}, {"feedback_contradicted": 1, "feedback_repeated": 1})


def test_rows_that_cannot_be_judged_are_counted(documents: Any) -> None:
    """Rows beyond the batch, without a number, not captured, or of another kind have their names."""
    store_records(
        documents,
        [
            record("a", predicted=["1", "2"], captured=[0, 2], BatchSize=4),
            record("b", BatchSize=1),
            record("c", predicted=["1"]),
            record("d", predicted=[None, "1"]),
        ],
    )
    store_feedback(
        documents,
        {"request_id": "a", "labels": [1, 1, 2, 1, 1, 1]},
        {"request_id": "a", "label": 1},
        {"request_id": "b", "label": 1},
        {"request_id": "c", "value": 1},
        {"request_id": "d", "labels": [1, 1]},
    )

    assert joined(documents) == (
        {1: (4, 3)},
        {
            "feedback_beyond_batch": 2,
            "feedback_not_captured": 3,
            "feedback_other_kind": 1,
            "feedback_row_missing": 1,
        },
    )


def test_kinds_of_answers_fit_their_tasks(documents: Any) -> None:
    """A regression takes a value for each output; a ranking takes items, or one label."""
    store_records(
        documents,
        [
            record("a", values=[[1.0, 2.0]]),
            record("b", values=[[1.0]]),
            record("c", values=[["NaN"]]),
        ],
    )
    store_records(
        documents,
        [record("d", top=[[["x", 0.9], ["y", 0.1]]]), record("e", top=[[["x", 1], ["y", 0]]])],
        version=2,
    )
    store_feedback(
        documents,
        {"request_id": "a", "value": 1},
        {"request_id": "b", "value": 1},
        {"request_id": "c", "value": 1},
        {"request_id": "d", "label": "y"},
        {"request_id": "e", "value": 2},
    )

    found, set_aside = quality("m", [judged(1, REGRESSION), judged(2, RANKING)], WINDOW, documents)

    assert (found[1].labelled, found[2].labelled) == (2, 1)
    assert {metric.name: metric.value for metric in found[1].metrics}["mae"] == 0
    assert {metric.name: metric.value for metric in found[2].metrics}["mrr"] == 0.5
    assert set_aside == {"feedback_other_kind": 2, "predictions_not_finite": 1}


def test_version_without_a_task_is_not_captured(documents: Any) -> None:
    """Feedback on a version whose outputs nobody judges is not unknown: it is not captured."""
    store_records(documents, [record("a")])
    store_feedback(documents, {"request_id": "a", "label": 1})

    found, set_aside = quality("m", [judged(1, "")], WINDOW, documents)

    assert found == {}
    assert set_aside == {"feedback_not_captured": 1}


def test_what_cannot_be_read_is_counted(documents: Any) -> None:
    """Lines that are no records, or no feedback, are counted, and harm no other."""
    store_records(
        documents,
        [classified("a", "1"), b"{", b"[]", b"{}", b'{"request_id": 1, "error": "", "top": 3}'],
    )
    store_feedback(documents, {"request_id": "a", "label": 1})
    documents.create(
        f"feedback/m/{HOUR}/x.jsonl",
        b'{"request_id": "a"}\n[]\n{\n{"request_id": "a", "label": 1, "received": "soon"}\n',
    )

    assert joined(documents) == (
        {1: (1, 1)},
        {"feedback_unreadable": 4, "records_unreadable": 4},
    )


def test_newest_feedback_is_kept_where_it_is_too_much() -> None:
    """Memory is bounded: what came last is read first, and the rest is counted."""
    truth = Truth(most=3)
    line = {"label": "1", "received": "2026-11-23T21:30:00.000Z"}
    for n in range(5):
        truth.read(orjson.dumps({**line, "request_id": str(n)}) + b"\n")
    truth.read(b"".join(orjson.dumps({**line, "request_id": "x"}) + b"\n" for _ in range(7)))

    assert list(truth.ids()) == ["0", "1", "2"]
    assert truth.set_aside == {"feedback_over_bound": 9}


def test_feedback_is_read_newest_first(documents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound, the feedback of the last hour is the one that counts."""
    monkeypatch.setattr("hearth.monitoring.quality.MOST", 1)
    store_records(documents, [classified("a", "1"), classified("b", "1")])
    store_feedback(documents, {"request_id": "a", "label": 2})
    store_feedback(documents, {"request_id": "b", "label": 1}, at=NOW + timedelta(hours=1))

    assert joined(documents, heard=LATER) == ({1: (1, 1)}, {"feedback_over_bound": 1})


ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "request_id": st.sampled_from(["r0", "r1", "r2", "c0", "c1", "none"]),
            "label": st.sampled_from(["0", "1"]),
            "received": st.sampled_from([f"2026-11-23T21:0{n}:00.000Z" for n in range(3)]),
        },
        optional={
            "row": st.integers(0, 3),
            "at": st.sampled_from([f"2026-11-23T21:0{n}:00.000Z" for n in range(3)]),
            "slices": st.sampled_from([{"a": "1"}, {"a": "2"}]),
        },
    ),
    max_size=12,
)


class InMemory:
    """Objects by key, in the shape of the port."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def read(self, key: str, unless: str = "") -> Any:
        from hearth.stores.ports import Document

        return Document(self._objects[key], "")

    def list(self, prefix: str, after: str = "") -> Any:
        from hearth.stores.ports import Listed

        found = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        return iter([Listed(key, len(self._objects[key]), NOW) for key in found])


@given(items=ITEMS, seed=st.randoms(use_true_random=False), times=st.integers(1, 3))
def test_order_and_replays_make_no_difference(
    items: list[dict[str, Any]], seed: random.Random, times: int
) -> None:
    """However feedback and records are cut, ordered and replayed, the same quality comes out."""
    lines = [
        record("r0", predicted=["0", "1"], caller_id="c0"),
        record("r1", predicted=["0"], caller_id="c1", slices={"a": "1"}),
        record("r2", predicted=["1"], caller_id="c1"),
    ]
    said = [orjson.dumps(item) for item in items]

    def judge(records: list[bytes], feedback: list[bytes]) -> Any:
        objects = {f"records/m/1/{HOUR}/{n}.jsonl": line for n, line in enumerate(records)}
        objects |= {f"feedback/m/{HOUR}/{n}.jsonl": line for n, line in enumerate(feedback)}
        found, set_aside = quality("m", [judged()], WINDOW, InMemory(objects))
        return found[1], {k: v for k, v in set_aside.items() if k != "feedback_repeated"}

    first = judge(lines, said)
    again = said * times
    seed.shuffle(again)
    seed.shuffle(lines)

    assert repr(judge(lines, again)) == repr(first)


def test_second_answer_to_a_request_counts_once(documents: Any) -> None:
    """Two records under one request's id are one prediction: the other is counted."""
    store_records(documents, [classified("r1", "3"), classified("r1", "3")])
    store_feedback(documents, {"request_id": "r1", "label": 3})

    assert joined(documents) == ({1: (1, 1)}, {"records_repeated": 1})
