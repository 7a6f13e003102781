"""What of a prediction's tensors goes into its record."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from hearth.domain.datatype import DATATYPES
from hearth.domain.errors import SignatureMismatch
from hearth.domain.monitoring import (
    ALL,
    CAPTURES,
    COLUMNS,
    TASKS,
    TENSOR,
    TEXT,
    Monitoring,
    WatchedInput,
)
from hearth.domain.signature import TensorSpec
from hearth.serving.capture import (
    TENSOR_FIGURES,
    TEXT_FIGURES,
    Outcomes,
    Watch,
    features,
    outcomes,
)
from hearth.serving.rows import numbers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.watching import manifest

NAN, INF = float("nan"), float("inf")
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def f32(values: Any) -> np.ndarray:
    return np.array(values, np.float32)


def words(values: Any) -> np.ndarray:
    return np.array(values, object)


def columns(*names: str, of: str = "x") -> WatchedInput:
    return WatchedInput(of, COLUMNS, names)


def figures(form: str, of: str = "x") -> WatchedInput:
    names = TENSOR_FIGURES if form == TENSOR else TEXT_FIGURES
    return WatchedInput(of, form, tuple(f"{of}.{name}" for name in names))


def watching(*inputs: WatchedInput, **options: Any) -> Monitoring:
    return Monitoring(**{"capture": ALL, "inputs": inputs, **options})


def captured(
    monitoring: Monitoring, x: Any = None, request_id: str = "id", y: Any = None, **described: Any
) -> dict[str, Any]:
    """What a watch captures of one request, as whoever reads the record sees it."""
    watch = Watch(manifest(monitoring, **described))
    inputs = x if isinstance(x, dict) else {} if x is None else {"x": x}
    outputs = y if isinstance(y, dict) else {} if y is None else {"y": y}
    return read(watch.capture(request_id, inputs, outputs))


def read(members: bytes) -> dict[str, Any]:
    return json.loads(b"{%b}" % members.removeprefix(b","), parse_constant=pytest.fail)


def figure(x: np.ndarray, form: str = TENSOR) -> list[dict[str, Any]]:
    names = TENSOR_FIGURES if form == TENSOR else TEXT_FIGURES
    rows = features({"x": x}, watching(figures(form)))
    return [dict(zip(names, row, strict=True)) for row in rows]


# ---------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("array", "names", "rows"),
    [
        (f32([[0.1, 2], [3, 4]]), "ab", [[0.1, 2.0], [3.0, 4.0]]),
        (f32([1.5, 2.5]), "a", [[1.5], [2.5]]),
        (f32(7), "a", [[7.0]]),
        (f32([[NAN, INF], [-INF, 0]]), "ab", [["NaN", "Infinity"], ["-Infinity", 0.0]]),
        (np.float64([[0.1]]), "a", [[0.1]]),
        (np.float16([[0.5, 65504]]), "ab", [[0.5, 65504.0]]),
        (np.int64([[2**62 + 1]]), "a", [[2**62 + 1]]),
        (np.uint64([2**64 - 1]), "a", [[2**64 - 1]]),
        (np.bool_([[True, False]]), "ab", [[1, 0]]),
        (words([["red", "x" * 100]]), "ab", [["red", "x" * 64]]),
        (words(["a],[b", 'c"']), "a", [["a],[b"], ['c"']]),
        (f32(np.empty((0, 2))), "ab", []),
        (words(np.empty((0,))), "a", []),
        (f32([[[1, 2], [3, 4]]]), "abcd", [[1.0, 2.0, 3.0, 4.0]]),
    ],
)
def test_columns_are_the_values_of_each_row(array: np.ndarray, names: str, rows: Any) -> None:
    """Each row holds its values in their shortest digits; what JSON has no number for is a word."""
    assert features({"x": array}, watching(columns(*names))) == rows
    assert captured(watching(columns(*names)), array)["features"] == rows


def test_masked_features_are_null() -> None:
    """Values of a masked feature are written nowhere, whatever stands beside it."""
    monitoring = watching(columns("a", "b", "c"), columns("w", of="t"), masked=("b", "w"))
    inputs = {"x": f32([[1, 2, 3], [4, 5, 6]]), "t": words(["secret", "secret"])}

    assert features(inputs, monitoring) == [[1, None, 3, None], [4, None, 6, None]]


def test_features_stand_in_the_order_of_the_manifest() -> None:
    """Inputs stand side by side as the manifest lists them; one left out is null."""
    monitoring = watching(columns("w", of="t"), columns("o", of="o"), columns("a", "b"))
    inputs = {"x": f32([[1, 2], [3, 4]]), "t": words(["u", "v"])}

    assert features(inputs, monitoring) == [["u", None, 1, 2], ["v", None, 3, 4]]


def test_one_value_for_a_batch_is_every_rows() -> None:
    """An input with one example beside a batch stands for each row of it."""
    monitoring = watching(columns("a"), columns("f", of="factor"))
    inputs = {"x": f32([1, 2, 3]), "factor": f32([5])}

    assert features(inputs, monitoring) == [[1, 5], [2, 5], [3, 5]]


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": f32([[1, 2, 3]])},
        {"x": f32([[1, 2], [3, 4]]), "t": words(["a", "b", "c"])},
    ],
)
def test_what_does_not_fit_is_told(inputs: dict[str, np.ndarray]) -> None:
    """Another number of columns, and inputs that disagree on the rows, are no features."""
    with pytest.raises(SignatureMismatch):
        features(inputs, watching(columns("a", "b"), columns("w", of="t")))


def test_example_without_a_batch_is_one_row() -> None:
    """Of a model that takes one example, the first dimension is no batch."""
    spec = (TensorSpec("x", "FP32", (3,)),)
    found = captured(watching(columns("a", "b", "c")), f32([1, 2, 3]), inputs=spec)

    assert found == {"features": [[1, 2, 3]]}


def test_bfloat16_is_captured_as_its_numbers() -> None:
    """BF16 travels as its bits, and is captured as what they mean."""
    spec = (TensorSpec("x", "BF16", (-1,)),)
    bits = (f32([1.5, -2]).view(np.uint32) >> 16).astype(np.uint16)

    assert captured(watching(columns("a")), bits, inputs=spec)["features"] == [[1.5], [-2]]


# ----------------------------------------------------------------------------- figures of tensors


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 40, 40), (1, 3, 300, 300), (70, 1024)])
def test_tensor_figures_are_those_of_numpy(dtype: str, shape: tuple[int, ...]) -> None:
    """Figures of each example are those that numpy gives in double precision."""
    x = (np.random.default_rng(7).standard_normal(shape) * 20 + 60).round().astype(dtype)

    for found, row in zip(figure(x), x.reshape(len(x), -1).astype(np.float64), strict=True):
        assert found["mean"] == pytest.approx(row.mean(), rel=1e-5)
        assert found["deviation"] == pytest.approx(row.std(), rel=1e-4)
        assert (found["minimum"], found["maximum"]) == (row.min(), row.max())
        assert found["norm"] == pytest.approx(np.linalg.norm(row), rel=1e-5)
        assert found["zeros"] == pytest.approx((row == 0).mean(), rel=1e-5)
        assert found["nonfinite"] == 0


@pytest.mark.parametrize(
    "values",
    [[1e30, -1e30, 3e38], [1e-30, 2e-30, 0], [1e6, 1e6 + 1, 1e6 + 2], [5, 5, 5], [0, 0, 0]],
)
def test_tensor_figures_lose_nothing_to_their_width(values: list[float]) -> None:
    """Numbers whose squares float32 has not, and those far from zero, have right figures."""
    [found] = figure(f32([values]))
    row = f32(values).astype(np.float64)

    assert found["mean"] == pytest.approx(row.mean(), rel=1e-5)
    assert found["deviation"] == pytest.approx(row.std(), rel=1e-3, abs=1e-6 * abs(row).max())


def test_nonfinite_numbers_are_a_share_and_nothing_else() -> None:
    """What is not finite counts by itself; an example without any number has no other figures."""
    some, none, all_ = figure(f32([[1, NAN, 3, INF], [NAN] * 4, [1, 3, 1, 3]]))

    assert some["nonfinite"] == 0.5
    assert (some["mean"], some["minimum"], some["maximum"]) == (2, 1, 3)
    assert none["nonfinite"] == 1
    assert none["mean"] == none["norm"] == "NaN"
    assert all_["nonfinite"] == 0


def test_examples_without_elements_have_no_figures() -> None:
    """A tensor with nothing in it is an example nonetheless."""
    assert [found["mean"] for found in figure(f32(np.empty((2, 0))))] == ["NaN", "NaN"]
    assert figure(f32(np.empty((0, 3)))) == []


# -------------------------------------------------------------------------------- figures of text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0, 0, 1)),
        ("two words", (9, 2, 0, 0, 0)),
        ("\tgrün 42\n", (9, 2, 0.111111, 0.222222, 0)),
        ("日本", (2, 1, 1, 0, 0)),
        ("a1 " * 30_000, (90_000, 30_000, 0, 0.333333, 0)),
        (" " + "é b" * 40_000, (120_001, 40_001, 0.333331, 0, 0)),
    ],
)
def test_text_figures(text: str, expected: tuple[float, ...]) -> None:
    """Characters, words, shares of what is not ASCII and of digits, and whether there is none."""
    [found] = figure(words([text]), TEXT)
    assert tuple(found.values()) == expected


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("shift", [0, 1000])
def test_figures_of_a_large_example_are_those_of_all_its_numbers(dtype: str, shift: int) -> None:
    """However many pieces it is looked at in, an example is one."""
    rng = np.random.default_rng(1)
    x = (rng.integers(0, 200, (1, 2_500_001)) / 2 + shift).astype(dtype)
    if dtype != "uint8":
        x[0, [5, 1_500_000, 2_500_000]] = NAN, INF, -INF

    [found] = figure(x)

    finite = x[np.isfinite(x)].astype(np.float64)
    expected = (finite.mean(), finite.std(), finite.min(), finite.max(), np.linalg.norm(finite))
    shares = (np.count_nonzero(finite == 0) / finite.size, 1 - finite.size / x.size)
    assert list(found.values()) == pytest.approx([*expected, *shares], rel=1e-6)


def test_several_strings_of_an_example_are_one_text() -> None:
    """Strings of one example are put together with spaces."""
    [found] = figure(words([["one two", "three"]]), TEXT)
    assert (found["characters"], found["words"]) == (13, 3)


# ----------------------------------------------------------------------------------------- policy


def test_policy_decides_what_is_there_of_the_inputs() -> None:
    """`none` leaves features out, `summaries` all but figures, `all` nothing."""
    x = {"x": f32([[1, 2]]), "t": words(["a"])}
    both = {"inputs": (columns("a", "b"), figures(TEXT, "t"))}

    assert captured(Monitoring(capture="none", **both), x) == {}
    [summed] = captured(Monitoring(capture="summaries", **both), x)["features"]
    assert summed == [None, None, 1, 1, 0, 0, 0]
    [whole] = captured(Monitoring(capture="all", **both), x)["features"]
    assert whole == [1, 2, 1, 1, 0, 0, 0]
    assert captured(watching(columns("a", "b"), capture="summaries"), x) == {}


def test_sample_is_of_its_rate_and_the_same_again() -> None:
    """About the share of requests that was asked for is captured, and a retry decides the same."""
    monitoring = watching(columns("a", "b"), capture="sampled", sample_rate=0.3)
    watch = Watch(manifest(monitoring))
    ids = [f"request-{number}" for number in range(2000)]

    def drawn() -> list[bool]:
        return [bool(watch.capture(id_, {"x": f32([[1, 2]])}, {})) for id_ in ids]

    first = drawn()
    assert 0.26 < np.mean(first) < 0.34
    assert drawn() == first


@pytest.mark.parametrize(("rate", "there"), [(0.0, False), (1.0, True)])
def test_sample_of_nothing_and_of_everything(rate: float, there: bool) -> None:
    """A rate of 0 captures nothing, a rate of 1 everything."""
    monitoring = watching(columns("a", "b"), capture="sampled", sample_rate=rate)
    for number in range(50):
        assert bool(captured(monitoring, f32([[1, 2]]), str(number))) is there


def test_outcomes_do_not_depend_on_the_policy() -> None:
    """What the model decided is in every record, whatever is captured of the inputs."""
    for capture in CAPTURES:
        monitoring = Monitoring(
            capture=capture, sample_rate=0, task="classification", scores="y", inputs=()
        )
        found = captured(monitoring, f32([[1, 2]]), y=f32([[0.25, 0.5, 0.25]]))
        assert found == {"predicted": ["1"], "scores": [[0.25, 0.5, 0.25]]}


# --------------------------------------------------------------------------------------- outcomes


def decided(y: Any, classes: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    outputs = y if isinstance(y, dict) else {"y": y}
    specs = tuple(
        TensorSpec(name, "BYTES" if array.dtype == object else "FP32", (-1,) * array.ndim)
        for name, array in outputs.items()
    )
    task = {"task": "classification", "scores": "y", **options}
    described = manifest(Monitoring(**task), outputs=specs, classes=classes)
    found = outcomes(outputs, described)
    record = read(Watch(described).capture("id", {}, outputs))
    kept = {name: getattr(found, name) for name in Outcomes.__slots__}
    assert {name: value for name, value in kept.items() if value is not None} == record
    return record


CLASSES = ("cat", "dog", "bird")


@pytest.mark.parametrize(
    ("scores", "classes", "predicted", "written"),
    [
        (f32([[0.1, 0.7, 0.2]]), CLASSES, ["dog"], [[0.1, 0.7, 0.2]]),
        (f32([[0.1, 0.7, 0.2]]), (), ["1"], [[0.1, 0.7, 0.2]]),
        (f32([[0.1, 0.2, 0.7]]), ("cat",), ["2"], [[0.1, 0.2, 0.7]]),
        (f32([[0.75], [0.5]]), ("no", "yes"), ["yes", "no"], [[0.25, 0.75], [0.5, 0.5]]),
        (f32([0.25, 1]), (), ["0", "1"], [[0.75, 0.25], [0.0, 1.0]]),
        (f32([[NAN, 0.5, INF]]), CLASSES, ["bird"], [["NaN", 0.5, "Infinity"]]),
        (f32([[NAN, -1, -2]]), CLASSES, ["dog"], [["NaN", -1, -2]]),
        (f32([[NAN, NAN, NAN], [1, 0, 0]]), CLASSES, [None, "cat"], [["NaN"] * 3, [1, 0, 0]]),
        (f32([[[[0.5]], [[2]]]]), (), ["1"], [[0.5, 2]]),
        (np.float16([[0.5, 0.25]]), (), ["0"], [[0.5, 0.25]]),
        (np.uint8([[3, 9]]), (), ["1"], [[3, 9]]),
        (f32(np.empty((0, 3))), CLASSES, [], []),
    ],
)
def test_classification_by_scores(
    scores: np.ndarray, classes: tuple[str, ...], predicted: Any, written: Any
) -> None:
    """The highest score predicts; one score alone is that of the positive class."""
    assert decided(scores, classes) == {"predicted": predicted, "scores": written}


@pytest.mark.parametrize(
    ("label", "classes", "predicted"),
    [
        (words(["dog", "cat"]), (), ["dog", "cat"]),
        (words([["dog"], ["x" * 300]]), (), ["dog", "x" * 256]),
        (np.int64([7, 2]), (), ["7", "2"]),
        (np.int64([1, 2]), CLASSES, ["dog", "bird"]),
        (np.int64([5, 0]), ("0", "5"), ["5", "0"]),
        (np.int64([5, -1]), CLASSES, ["5", "-1"]),
        (np.bool_([True, False]), ("no", "yes"), ["yes", "no"]),
    ],
)
def test_label_output_predicts(label: np.ndarray, classes: tuple[str, ...], predicted: Any) -> None:
    """A label that the graph gives is the prediction; an index stands for its class."""
    found = decided({"y": f32([[1, 0], [0, 1]]), "l": label}, classes, label="l")
    assert found == {"predicted": predicted, "scores": [[1, 0], [0, 1]]}
    assert decided({"l": label}, classes, label="l") == {"predicted": predicted}


@pytest.mark.parametrize("count", [21, 64, 1000])
def test_of_many_classes_the_ten_best_are_kept(count: int) -> None:
    """Above 20 classes a row holds its ten best, best first, equal ones in order."""
    scores = np.zeros((2, count), np.float32)
    scores[0, [20, 3]] = 0.5, 0.25
    scores[1, 5] = NAN

    found = decided(scores)

    assert found["predicted"] == ["20", "0"]
    assert found["top"][0][:3] == [["20", 0.5], ["3", 0.25], ["0", 0.0]]
    assert [len(row) for row in found["top"]] == [10, 10]
    assert "scores" not in found


def test_ranking_keeps_the_best_however_few() -> None:
    """A ranking's items stand best first, under the names that the graph gives."""
    assert decided(f32([[1, 3, 2]]), CLASSES, task="ranking") == {
        "predicted": ["dog"],
        "top": [[["dog", 3], ["bird", 2], ["cat", 1]]],
    }
    ranked = {"y": f32([[1, 3]]), "l": words([["item 9", "item 4"]])}
    assert decided(ranked, task="ranking", label="l") == {
        "predicted": ["item 4"],
        "top": [[["item 4", 3], ["item 9", 1]]],
    }


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (f32([1.5, NAN]), [[1.5], ["NaN"]]),
        (f32([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (f32(3), [[3]]),
        (np.int32([[1]]), [[1]]),
    ],
)
def test_regression_keeps_its_values(values: np.ndarray, written: Any) -> None:
    """A regression's values stand in a list a row."""
    assert decided(values, task="regression") == {"values": written}


def test_output_that_was_not_asked_for_is_not_there() -> None:
    """A request may ask for other outputs than those that are judged."""
    monitoring = watching(columns("a", "b"), task="classification", scores="y")
    assert captured(monitoring, f32([[1, 2]]), y={"z": f32([[1]])}) == {"features": [[1, 2]]}

    regression = watching(columns("a", "b"), task="regression", scores="y", label="l")
    assert captured(regression, f32([[1, 2]]), y={"l": f32([1])}) == {"features": [[1, 2]]}


def test_decision_of_an_example_without_a_batch_is_one_row() -> None:
    """Scores of a model that takes one example are those of one, not of as many as there are."""
    found = captured(
        watching(columns("a", "b", "c"), task="classification", scores="y"),
        f32([1, 2, 3]),
        y=f32([0, 1, 0]),
        inputs=(TensorSpec("x", "FP32", (3,)),),
        outputs=(TensorSpec("y", "FP32", (3,)),),
    )
    assert found == {"features": [[1, 2, 3]], "predicted": ["1"], "scores": [[0, 1, 0]]}


def test_decisions_in_bfloat16_are_numbers() -> None:
    """BF16 scores are judged as what their bits mean, whether or not an encoder widened them."""
    bits = (f32([[1.5, -2]]).view(np.uint32) >> 16).astype(np.uint16)
    for scores in (bits, f32([[1.5, -2]])):
        found = captured(
            Monitoring(task="classification", scores="y"),
            y=scores,
            outputs=(TensorSpec("y", "BF16", (-1, 2)),),
        )
        assert found == {"predicted": ["0"], "scores": [[1.5, -2]]}


# ----------------------------------------------------------------------------------------- bounds


def test_of_a_large_batch_every_kth_row_is_kept() -> None:
    """What does not fit is thinned evenly, features and outcomes by the same rows."""
    monitoring = watching(columns("a", "b"), task="classification", scores="y", max_bytes=4000)
    x = np.arange(20_000, dtype=np.float32).reshape(-1, 2)

    found = captured(monitoring, x, y=np.eye(3, dtype=np.float32)[np.arange(10_000) % 3])

    rows = found["captured"]
    step = rows[1]
    assert rows == list(range(0, 10_000, step))
    assert found["features"] == x[::step].tolist()
    assert found["predicted"] == [str(row % 3) for row in rows]
    assert len(found["scores"]) == len(rows)
    size = sum(len(orjson.dumps(value)) for value in found.values())
    assert 2500 < size <= 4000


def test_rows_that_are_all_there_are_not_numbered() -> None:
    """`captured` is there only where rows are left out."""
    assert "captured" not in captured(watching(columns("a", "b")), f32([[1, 2]] * 40))


def test_row_that_does_not_fit_leaves_what_does() -> None:
    """Outcomes stand alone where features alone are too large; the record says so."""
    names = tuple(f"c{number}" for number in range(300))
    monitoring = watching(columns(*names), task="regression", scores="y", max_bytes=500)

    assert captured(monitoring, f32(np.zeros((2, 300))), y=f32([1, 2])) == {
        "values": [[1], [2]],
        "capture_error": "PayloadTooLarge",
    }


def test_no_bytes_are_no_rows() -> None:
    """Where rows may take nothing, nothing is captured, and that is no fault."""
    monitoring = watching(columns("a", "b"), task="regression", scores="y", max_bytes=0)
    assert captured(monitoring, f32([[1, 2]]), y=f32([1])) == {}


@pytest.mark.parametrize(
    ("x", "y", "there"),
    [
        (f32([[1, 2, 3]]), f32([[1, 2, 3]]), "scores"),
        (f32([[1, 2]]), words([["a", "b", "c"]]), "features"),
        (f32([[1, 2]]), f32([[1, 2, 3]] * 2), "scores"),
    ],
)
def test_fault_is_a_word_in_the_record(x: np.ndarray, y: np.ndarray, there: str) -> None:
    """What cannot be captured is told by its class, and what can be is there."""
    monitoring = watching(columns("a", "b"), task="classification", scores="y")
    found = captured(monitoring, x, y=y)
    assert found["capture_error"]
    assert there in found
    assert not {"features", "scores"} <= found.keys()


# ------------------------------------------------------------------------------------ any request

ELEMENTS: dict[str, Any] = {
    "BYTES": st.text(max_size=80).filter(lambda text: text.isprintable()),
    "BOOL": st.booleans(),
}
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[TensorSpec, np.ndarray]:
    datatype = draw(st.sampled_from(DATATYPES))
    shape = draw(SHAPES)
    if datatype.name == "BYTES":
        array = draw(arrays.arrays(object, shape, elements=ELEMENTS["BYTES"]))
    else:
        array = draw(arrays.arrays(datatype.numpy, shape))
    fixed = draw(st.booleans())
    dims = tuple(shape if fixed else (-1, *shape[1:]) if shape else ())
    return TensorSpec("x", datatype.name, dims), array


@given(
    x=tensors(),
    y=tensors(),
    monitoring=st.fixed_dictionaries(
        {
            "capture": st.sampled_from(CAPTURES),
            "sample_rate": st.floats(0, 1),
            "max_bytes": st.integers(0, 2000),
            "task": st.sampled_from(TASKS),
            "masked": st.sampled_from([(), ("a",), ("a", "b")]),
        }
    ),
    form=st.sampled_from([COLUMNS, TENSOR, TEXT]),
    width=st.integers(1, 5),
)
@example(
    x=(TensorSpec("x", "FP32", (-1,)), f32([1])),
    y=(TensorSpec("y", "FP32", ()), f32(1)),
    monitoring={"capture": ALL, "task": "regression", "max_bytes": 2000},
    form=COLUMNS,
    width=1,
)
@settings(max_examples=400)
def test_any_request_gives_json_within_bounds(
    x: Any, y: Any, monitoring: dict[str, Any], form: str, width: int
) -> None:
    """Whatever comes, capturing does not raise, and gives aligned rows of strict JSON in bounds."""
    watched = figures(form) if form != COLUMNS else columns(*"abcde"[:width])
    spec = TensorSpec("y", y[0].datatype, y[0].shape)
    described = manifest(
        Monitoring(inputs=(watched,), scores="y", **monitoring), inputs=(x[0],), outputs=(spec,)
    )
    watch = Watch(described)

    members = watch.capture("id", {"x": x[1]}, {"y": y[1]})

    assert watch.batch_size({"x": x[1]}) >= 0
    found = read(members)
    found.pop("capture_error", None)
    rows = {name: value for name, value in found.items() if isinstance(value, list)}
    assert rows == found
    assert len({len(value) for value in rows.values()}) <= 1
    assert sum(len(orjson.dumps(value)) for value in rows.values()) <= monitoring["max_bytes"]


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 4), st.just(3))))
def test_record_and_baseline_hold_the_same_values(x: np.ndarray) -> None:
    """A value reads back from a record as exactly the value that a baseline is made of."""
    names = watching(columns("a", "b", "c"))
    read = features({"x": x}, names)
    assert captured(names, x)["features"] == read
    for value, given_ in zip(np.ravel(np.array(read, object)), x.ravel(), strict=True):
        same = np.float32(value) if isinstance(value, float) else np.float32(float(value))
        assert same == given_ or (math.isnan(same) and math.isnan(given_))


@given(
    tables=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4)).flatmap(
        lambda sizes: st.tuples(
            arrays.arrays(np.float32, (sizes[0], sizes[1]), elements=FINITE),
            arrays.arrays(np.float32, (sizes[0], sizes[2]), elements=FINITE),
        )
    ),
    monitoring=st.fixed_dictionaries(
        {
            "capture": st.sampled_from(CAPTURES),
            "sample_rate": st.floats(0, 1),
            "max_bytes": st.integers(0, 2000),
            "task": st.sampled_from(TASKS),
            "masked": st.sampled_from([(), ("a",)]),
        }
    ),
    width=st.integers(1, 5),
    classes=st.sampled_from([(), ("no", "yes"), ("no", "l" * 300)]),
)
@settings(max_examples=400)
def test_tables_are_captured_alike_whichever_way(
    tables: Any, monitoring: dict[str, Any], width: int, classes: tuple[str, ...]
) -> None:
    """Of a table whose text is known, a record holds what it holds of any other."""
    x, y = tables
    described = manifest(
        Monitoring(inputs=(columns(*"abcde"[:width]),), scores="y", **monitoring),
        inputs=(TensorSpec("x", "FP32", (-1, x.shape[1])),),
        outputs=(TensorSpec("y", "FP32", (-1, y.shape[1])),),
        classes=classes,
    )
    watch = Watch(described)

    if watch.reads_rows(x, y, ("x", "y")):
        found = watch.capture_rows("id", x, y, numbers(y))
        assert read(found) == read(watch.capture("id", {"x": x}, {"y": y}))
