"""How inputs are watched: what the publisher says, and for the rest what fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.domain.monitoring import Monitoring, MonitoringOptions, Threshold
from hearth.domain.signature import Signature, TensorSpec
from hearth.publishing.judging import Evidence
from hearth.publishing.watching import choose
from hearth.serving.figures import TENSOR_FIGURES, TEXT_FIGURES

OUTPUT = TensorSpec("y", "FP32", (-1, 1))
JUDGED_BY: dict[str, dict[str, Any]] = {
    "classification": {"task": "classification", "label": "y"},
    "regression": {"task": "regression", "scores": "y"},
    "ranking": {"task": "ranking", "scores": "y"},
}


def tensor(name: str, shape: tuple[int, ...], datatype: str = "FP32", **more: Any) -> TensorSpec:
    return TensorSpec(name, datatype, shape, **more)


def watched(
    *inputs: TensorSpec, reference: dict[str, Any] | None = None, **options: Any
) -> Monitoring:
    evidence = Evidence(Signature(inputs, (OUTPUT,)), reference or {})
    return choose(MonitoringOptions(**options), evidence).monitoring


def forms(monitoring: Monitoring) -> dict[str, str]:
    return {item.input: item.form for item in monitoring.inputs}


@pytest.mark.parametrize(
    ("spec", "form", "capture"),
    [
        (tensor("x", (-1,)), "columns", "all"),
        (tensor("x", (-1, 1)), "columns", "all"),
        (tensor("x", (-1, 128)), "columns", "all"),
        (tensor("x", (-1, 128), "BOOL"), "columns", "all"),
        (tensor("x", (-1, 20), "BF16"), "columns", "all"),
        (tensor("x", (-1, 129)), "tensor", "summaries"),
        (tensor("x", (-1, -1)), "tensor", "summaries"),
        (tensor("x", (-1, 3, 8, 8), "UINT8"), "tensor", "summaries"),
        (tensor("x", (), ranked=False), "tensor", "summaries"),
        (tensor("x", (-1,), "BYTES"), "text", "summaries"),
        (tensor("x", (-1, 3), "BYTES"), "text", "summaries"),
        (tensor("x", (-1, 129), "BYTES"), "text", "summaries"),
        (tensor("x", (-1, -1), "BYTES"), "text", "summaries"),
        (tensor("x", (), "BYTES", ranked=False), "text", "summaries"),
    ],
)
def test_small_tables_are_columns_and_all_else_is_figures(
    spec: TensorSpec, form: str, capture: str
) -> None:
    """A row that is small is written down whole; of images, embeddings and text, figures are."""
    monitoring = watched(spec)
    assert forms(monitoring) == {"x": form}
    assert monitoring.capture == capture


def test_features_are_named_by_their_input() -> None:
    """A single column by the input's name, several by their place, figures by what they are."""
    assert watched(tensor("age", (-1, 1))).features == ("age",)
    assert watched(tensor("x", (-1, 3))).features == ("x[0]", "x[1]", "x[2]")
    assert watched(tensor("image", (-1, 8, 8))).features == tuple(
        f"image.{figure}" for figure in TENSOR_FIGURES
    )
    assert watched(tensor("t", (-1, -1), "BYTES")).features == tuple(
        f"t.{figure}" for figure in TEXT_FIGURES
    )


def test_model_of_one_example_has_a_feature_for_each_element() -> None:
    """Where no dimension counts examples, a vector is a row."""
    signature = Signature((tensor("x", (3,)),), (TensorSpec("y", "FP32", (1,)),))
    monitoring = choose(MonitoringOptions(), Evidence(signature)).monitoring
    assert monitoring.features == ("x[0]", "x[1]", "x[2]")


def test_one_number_for_all_rows_is_a_feature() -> None:
    """A threshold that a request brings is worth watching too."""
    monitoring = watched(tensor("x", (-1, 2)), tensor("threshold", ()))
    assert monitoring.features == ("x[0]", "x[1]", "threshold")


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (["red", "blue"] * 50, "columns"),
        ([f"colour {at}" for at in range(100)], "columns"),
        ([f"colour {at}" for at in range(101)], "text"),
        (["red", "r" * 65], "text"),
    ],
)
def test_reference_data_tells_codes_from_text(words: list[str], form: str) -> None:
    """Few short words are a category; many, or long ones, are text that is not written down."""
    reference = {"colour": np.array(words, object)}
    assert forms(watched(tensor("colour", (-1,), "BYTES"), reference=reference)) == {"colour": form}


def test_strings_of_which_nothing_is_known_are_not_written_down() -> None:
    """They may be what people wrote; the publisher is told how to have categories instead."""
    spec = tensor("colour", (-1,), "BYTES")
    choice = choose(MonitoringOptions(), Evidence(Signature((spec,), (OUTPUT,))))
    assert "input 'colour' is watched by figures of its text" in choice.notes[0]
    assert forms(watched(spec, forms={"colour": "columns"})) == {"colour": "columns"}


def test_one_column_of_text_makes_text_of_them_all() -> None:
    """What is captured is decided by the column that holds most."""
    table = np.array([["a", str(at)] for at in range(200)], object)
    assert forms(watched(tensor("s", (-1, 2), "BYTES"), reference={"s": table})) == {"s": "text"}


def test_beside_an_image_columns_are_figures_too() -> None:
    """`summaries` writes down no single value, whichever input it belongs to."""
    monitoring = watched(tensor("x", (-1, 4)), tensor("image", (-1, 8, 8)))
    assert monitoring.capture == "summaries"
    assert forms(monitoring) == {"x": "tensor", "image": "tensor"}


def test_many_columns_of_small_tables_are_figures() -> None:
    """A row counts as small by what all inputs hold together."""
    assert watched(tensor("a", (-1, 100)), tensor("b", (-1, 28))).capture == "all"
    monitoring = watched(tensor("a", (-1, 100)), tensor("b", (-1, 29)))
    assert forms(monitoring) == {"a": "tensor", "b": "tensor"}


@pytest.mark.parametrize("said", [{"features": {"x": ("a", "b")}}, {"forms": {"x": "columns"}}])
def test_columns_that_are_asked_for_are_captured(said: dict[str, Any]) -> None:
    """Who names columns, or says that there are some, wants them beside an image as well."""
    monitoring = watched(tensor("x", (-1, 2)), tensor("image", (-1, 8, 8)), **said)
    assert monitoring.capture == "all"
    assert forms(monitoring) == {"x": "columns", "image": "tensor"}


def test_what_the_publisher_says_holds() -> None:
    """Policy, names, masks and bounds are taken as they are given."""
    monitoring = watched(
        tensor("x", (-1, 2)),
        capture="sampled",
        sample_rate=0.5,
        max_bytes=99,
        features={"x": ("age", "income")},
        masked=("income",),
    )
    assert monitoring.features == ("age", "income")
    assert (monitoring.capture, monitoring.sample_rate, monitoring.max_bytes) == (
        "sampled",
        0.5,
        99,
    )
    assert monitoring.masked == ("income",)


def test_sampling_needs_no_more_than_a_rate_or_the_word() -> None:
    """A rate says that rows are sampled; without one, a tenth of the requests is kept."""
    assert watched(tensor("x", (-1, 2)), sample_rate=0.5).capture == "sampled"
    assert watched(tensor("x", (-1, 2)), capture="sampled").sample_rate == 0.1


def test_capture_of_nothing_watches_no_input() -> None:
    """Then no value of an input stands in a record or in a baseline."""
    assert watched(tensor("x", (-1, 2)), capture="none").inputs == ()


def test_default_that_nobody_overrides_is_not_watched() -> None:
    """An optional input counts where reference data or the publisher has it."""
    optional = tensor("bias", (-1,), optional=True)
    assert forms(watched(tensor("x", (-1,)), optional)) == {"x": "columns"}
    reference = {"x": np.zeros(2), "bias": np.zeros(2)}
    assert len(watched(tensor("x", (-1,)), optional, reference=reference).inputs) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"forms": {"z": "columns"}}, "'forms'.*got.*'z'.*expected some of.*'x'"),
        ({"features": {"z": ("a",)}}, "'features'.*'z'"),
        ({"features": {"x": ("a", "b", "c")}}, "number of columns than names: got 3, expected 2"),
        ({"features": {"image": ("a",)}}, "number of columns than names"),
        ({"features": {"x": ("a", "a")}}, "one name.*'a'"),
        ({"features": {"image": ("a",)}, "forms": {"image": "tensor"}}, "names of their own"),
        ({"forms": {"image": "columns"}}, "cannot be watched as 'columns'"),
        ({"forms": {"x": "text"}}, "cannot be watched as 'text'"),
        ({"capture": "summaries", "features": {"x": ("a", "b")}}, "writes down no columns"),
        ({"capture": "summaries", "forms": {"x": "columns"}}, "writes down no columns"),
        ({"masked": ("income",)}, "'masked'.*income"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], words: str) -> None:
    """What the model does not have, or what contradicts itself, is named before anything is sent."""
    with pytest.raises(InvalidDocument, match=words):
        watched(tensor("x", (-1, 2)), tensor("image", (-1, 8, 8)), **options)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("classification", ("acuracy",)),
        ("classification", ("accuracy", "rmse")),
        ("classification", ("accuracy[cat]",)),
        ("classification", ("f1[cat",)),
        ("classification", ("accuracy@region",)),
        ("classification", ("acuracy@region=eu",)),
        ("regression", ("accuracy",)),
        ("regression", ("f1[cat]",)),
        ("ranking", ("ndcg@3",)),
        ("ranking", ("ndcg@3@region=eu",)),
    ],
)
def test_threshold_must_name_a_metric_of_the_task(task: str, names: tuple[str, ...]) -> None:
    """A gate that could never be passed is refused where it is written, with what would do."""
    limits = {name: Threshold(lower=0.5) for name in names}
    with pytest.raises(InvalidDocument, match=f"no metric of {task}.*some of") as refused:
        watched(tensor("x", (-1, 4)), **JUDGED_BY[task], thresholds=limits)
    assert names[-1] in str(refused.value)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("classification", ("accuracy", "f1_macro", "recall[a [b]]", "log_loss@region=eu@x")),
        ("regression", ("rmse", "mape@region=eu")),
        ("ranking", ("mrr", "ndcg@10", "hit_rate@1@region=eu")),
    ],
)
def test_thresholds_are_kept_as_they_are_said(task: str, names: tuple[str, ...]) -> None:
    """Metrics of all rows, of a class and of a slice may have one."""
    limits = {name: Threshold(lower=0.5) for name in names}
    assert watched(tensor("x", (-1, 4)), **JUDGED_BY[task], thresholds=limits).thresholds == limits


@pytest.mark.parametrize(
    ("options", "why"),
    [({"task": ""}, "leave its 'task' out"), ({}, "outputs are not judged: .* takes task")],
)
def test_thresholds_need_a_task(options: dict[str, Any], why: str) -> None:
    """Quality that nobody would judge is refused with the reason, and not passed over."""
    limits = {"accuracy": Threshold(lower=0.9)}
    with pytest.raises(InvalidDocument, match=rf"would never be looked at.*{why}"):
        watched(tensor("x", (-1, 4)), thresholds=limits, **options)
