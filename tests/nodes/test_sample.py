"""A sample of ONNX's own tests; `make nodes` runs them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes import cases
from nodes.judging import judge
from nodes.protocols import PROTOCOLS
from nodes.sandbox import Sandbox, opened
from nodes.verdict import FAILED, PASSED

EVERYWHERE = [protocol.name for protocol in PROTOCOLS]
BINARY = ["binary v2"]
# What passes, and through which protocols: each datatype, no input, scalars, nothing in a tensor,
# values that are no numbers, several outputs, weights in the model.
PASSING = {
    "test_and2d": EVERYWHERE,
    "test_add_uint8": EVERYWHERE,
    "test_add_uint16": EVERYWHERE,
    "test_add_uint32": EVERYWHERE,
    "test_max_uint64": EVERYWHERE,
    "test_add_int8": EVERYWHERE,
    "test_add_int16": EVERYWHERE,
    "test_max_int32": EVERYWHERE,
    "test_max_int64": EVERYWHERE,
    "test_max_float16": BINARY,
    "test_cast_FLOAT16_to_DOUBLE": BINARY,
    "test_cast_FLOAT_to_FLOAT16": ["binary v2", "TF Serving"],
    "test_max_float32": EVERYWHERE,
    "test_max_float64": EVERYWHERE,
    "test_string_concat": EVERYWHERE,
    "test_string_split_basic": EVERYWHERE,
    "test_regex_full_match_basic": EVERYWHERE,
    "test_tfidfvectorizer_tf_only_bigrams_skip0": EVERYWHERE,
    "test_constant": EVERYWHERE,
    "test_reduce_sum_empty_axes_input_noop": EVERYWHERE,
    "test_reduce_sum_empty_set": ["JSON v2", "binary v2"],
    "test_size_example": EVERYWHERE,
    "test_where_long_example": EVERYWHERE,
    "test_isinf": EVERYWHERE,
    "test_isnan": EVERYWHERE,
    "test_log_example": EVERYWHERE,
    "test_top_k": EVERYWHERE,
    "test_split_variable_parts_1d_opset18": EVERYWHERE,
    "test_unique_sorted_with_axis": EVERYWHERE,
    "test_nonzero_example": EVERYWHERE,
    "test_loop11": EVERYWHERE,
    "test_if": EVERYWHERE,
    "test_lstm_defaults": EVERYWHERE,
    "test_dynamicquantizelinear": EVERYWHERE,
    "test_expand_shape_model1": EVERYWHERE,
    "test_Conv2d": EVERYWHERE,
    "test_operator_conv": EVERYWHERE,
}
# What no protocol carries yet, or never will: whatever comes of it is no failure.
OTHERS = [
    "test_cast_BFLOAT16_to_FLOAT",
    "test_cast_FLOAT_to_BFLOAT16",
    "test_cast_FLOAT_to_FLOAT8E4M3FN",
    "test_cast_FLOAT_to_FLOAT8E4M3FNUZ",
    "test_cast_FLOAT_to_FLOAT8E5M2",
    "test_cast_FLOAT_to_FLOAT8E5M2FNUZ",
    "test_cast_FLOAT_to_FLOAT4E2M1",
    "test_cast_e8m0_FLOAT_to_FLOAT8E8M0",
    "test_cast_FLOAT_to_INT2",
    "test_cast_FLOAT_to_INT4",
    "test_cast_FLOAT_to_UINT2",
    "test_cast_FLOAT_to_UINT4",
    "test_sequence_insert_at_back",
    "test_identity_opt",
    "test_gru_batchwise",
    "test_training_dropout",
    "test_convinteger_with_padding",
]


@pytest.fixture(scope="module")
def by_name() -> dict[str, cases.Case]:
    return {case.name: case for case in cases.load()}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with opened(tmp_path_factory.mktemp("nodes")) as made:
        yield made


def test_names_are_distinct(by_name: dict[str, cases.Case]) -> None:
    """No case hides behind another's name."""
    assert len(by_name) == len(cases.load())


def test_sample_has_every_datatype(by_name: dict[str, cases.Case]) -> None:
    """Each datatype that any of ONNX's tests has at its edges is in the sample."""
    chosen = [by_name[name] for name in (*PASSING, *OTHERS)]
    wanted = {datatype for case in by_name.values() for datatype in case.datatypes.values()}
    assert wanted == {datatype for case in chosen for datatype in case.datatypes.values()}


@pytest.mark.parametrize("name", [*PASSING, *OTHERS])
def test_case_passes_or_is_refused(
    name: str, by_name: dict[str, cases.Case], sandbox: Sandbox
) -> None:
    """Answers are ONNX's, to the last bit ONNX Runtime's; what Hearth does not do, it says."""
    result = judge(by_name[name], sandbox)
    statuses = {protocol: verdict.status for protocol, verdict in result.verdicts.items()}
    assert FAILED not in statuses.values(), result
    assert all(statuses[protocol] == PASSED for protocol in PASSING.get(name, ())), result
