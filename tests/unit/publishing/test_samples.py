"""Arrays that a publisher gives, or that are made up for him."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument, SignatureMismatch
from hearth.domain.manifest import RuntimeOptions
from hearth.publishing.rows import Rows, read_rows
from hearth.publishing.samples import generate_golden, read_golden
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.session import Session
from support import models

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def session(onnx_file) -> Session:
    return Session(onnx_file(), RuntimeOptions(), 1769)


@pytest.fixture
def npz(tmp_path):
    def write(name: str = "rows.npz", **arrays):
        path = tmp_path / name
        with path.open("wb") as file:
            np.savez(file, **arrays)
        return path

    return write


@dataclass
class Bomb:
    """What a pickle would run."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def pickled():
    made = np.empty(3, object)
    made[:] = Bomb()
    return made


def test_rows_are_one_array_an_input(npz, session):
    """A baseline has the model's inputs; an evaluation set has `target` besides."""
    rows = read_rows(npz(x=ROWS), session.signature, labelled=False)
    assert np.array_equal(rows.inputs["x"], ROWS)
    assert rows.target is None
    rows = read_rows(npz(x=ROWS, target=[0, 1, 0]), session.signature, labelled=True)
    assert set(rows.inputs) == {"x"}
    assert rows.target.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": ROWS}, r"got \['z'\], expected \['x'\]"),
        ({"x": ROWS, "z": ROWS}, "inputs are not those of the model"),
        ({"x": ROWS[:, :3]}, r"another shape: got \[3, 3\], expected \[-1, 4\]"),
        ({"x": ROWS.astype(np.float64)}, "another datatype: got float64, expected FP32"),
        ({}, "inputs are not those of the model"),
    ],
)
def test_rows_of_another_signature_are_refused(npz, session, arrays, words):
    """Data of another model is named for what it is before anything is uploaded."""
    with pytest.raises(SignatureMismatch, match=words):
        read_rows(npz(**arrays), session.signature, labelled=False)


def test_evaluation_set_needs_its_labels(npz, session):
    """Without `target`, nothing could be decided by it."""
    with pytest.raises(InvalidDocument, match="has no array 'target'"):
        read_rows(npz(x=ROWS), session.signature, labelled=True)


@pytest.mark.parametrize("target", [[0, 1], np.float32(1)], ids=["fewer", "scalar"])
def test_evaluation_set_needs_a_label_for_each_row(npz, session, target):
    """Rows and labels are as many."""
    with pytest.raises(InvalidDocument, match="differ in rows"):
        read_rows(npz(x=ROWS, target=target), session.signature, labelled=True)


def test_rows_that_are_none_are_refused(npz, session):
    """An empty baseline describes nothing."""
    with pytest.raises(InvalidDocument, match="differ in rows"):
        read_rows(npz(x=ROWS[:0]), session.signature, labelled=False)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x93NUMPY"])
def test_file_that_is_no_npz_is_refused(tmp_path, session, content):
    """What numpy cannot read is named, with what is read."""
    path = tmp_path / "rows.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidDocument, match=r"rows.npz cannot be read.*without pickled objects"):
        read_rows(path, session.signature, labelled=False)


def test_single_array_is_no_npz(tmp_path, session):
    """A .npy file has no names."""
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(InvalidDocument):
        read_rows(tmp_path / "rows.npy", session.signature, labelled=False)


def test_damaged_npz_is_refused(npz, session):
    """A file that was cut or changed is an invalid document, whatever zlib says."""
    path = npz(x=ROWS)
    whole = path.read_bytes()
    for share in range(1, 10):
        path.write_bytes(whole[: len(whole) * share // 10])
        with pytest.raises(InvalidDocument):
            read_rows(path, session.signature, labelled=False)


def test_pickled_objects_are_never_loaded(npz, session):
    """An array of objects is refused unread, in a baseline as in golden cases."""
    with pytest.raises(InvalidDocument):
        read_rows(npz(x=pickled()), session.signature, labelled=False)
    with pytest.raises(InvalidDocument):
        read_golden(npz(**{"0/inputs/x": pickled()}), session)


def test_golden_cases_come_from_npz(npz, session):
    """Arrays named `<case>/inputs/<name>` and `<case>/outputs/<name>`, cases in order."""
    arrays = {f"{n}/inputs/x": ROWS[:n] for n in (10, 2)} | {"2/outputs/y": ROWS[:2] * 2 + 1}
    two, ten = read_golden(npz(**arrays), session)
    assert two.inputs["x"].shape == (2, 4)
    assert np.array_equal(two.outputs["y"], ROWS[:2] * 2 + 1)
    assert ten.outputs["y"].shape == (3, 4)


def test_golden_cases_come_from_json(tmp_path, session):
    """JSON values become arrays of the signature's datatypes; outputs may be left out."""
    path = tmp_path / "golden.json"
    cases = [
        {"inputs": {"x": [[1, 2, 3, 4]]}, "outputs": {"y": [[3, 5, 7, 9]]}},
        {"inputs": {"x": [[0, 0, 0, 0]]}},
    ]
    path.write_text(json.dumps({"cases": cases}))
    first, second = read_golden(path, session)
    assert first.inputs["x"].dtype == np.float32
    assert first.outputs["y"].tolist() == [[3, 5, 7, 9]]
    assert second.outputs["y"].tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"cases": 5}',
        '{"cases": [5]}',
        '{"cases": [{}]}',
        '{"cases": [{"inputs": 5}]}',
        "[" * 100_000,
    ],
)
def test_golden_json_of_another_form_is_refused_with_the_form(tmp_path, session, text):
    """The message shows what a golden file looks like."""
    path = tmp_path / "golden.json"
    path.write_text(text)
    with pytest.raises(InvalidDocument, match="cannot be read"):
        read_golden(path, session)


def test_golden_file_without_a_case_is_refused(tmp_path, npz, session):
    """No case proves nothing."""
    (tmp_path / "golden.json").write_text('{"cases": []}')
    for path in (tmp_path / "golden.json", npz()):
        with pytest.raises(InvalidDocument, match="holds no golden case"):
            read_golden(path, session)


@pytest.mark.parametrize(
    "arrays",
    [
        {"0/inputs/z": ROWS},
        {"0/inputs/x": ROWS[:, :2]},
        {"0/inputs/x": ROWS, "0/outputs/z": ROWS},
        {"0/outputs/y": ROWS},
    ],
    ids=["other input", "other shape", "other output", "no input"],
)
def test_golden_cases_of_another_signature_are_refused(npz, session, arrays):
    """A golden case fits the model's inputs and outputs by name and shape."""
    with pytest.raises(SignatureMismatch):
        read_golden(npz(**arrays), session)


def test_golden_file_with_other_arrays_is_refused(npz, session):
    """An array whose name says nothing is a mistake, not a remark."""
    with pytest.raises(InvalidDocument, match="array of an unknown name: got x"):
        read_golden(npz(x=ROWS), session)


def test_generated_cases_cover_several_batch_sizes(session):
    """Without data, cases are made up: one, two and three rows, the same every time."""
    once, again = generate_golden(session, None), generate_golden(session, None)
    assert [case.inputs["x"].shape for case in once] == [(1, 4), (2, 4), (3, 4)]
    assert all(
        np.array_equal(a.inputs["x"], b.inputs["x"]) for a, b in zip(once, again, strict=True)
    )
    assert all(np.allclose(case.outputs["y"], case.inputs["x"] * 2 + 1) for case in once)


def test_generated_cases_come_from_real_rows_where_there_are_some(session):
    """The publisher's own data is better than anything made up."""
    cases = generate_golden(session, Rows({"x": ROWS}))
    assert [case.inputs["x"].tolist() for case in cases] == [[row.tolist()] for row in ROWS]


@pytest.mark.parametrize("kind", ["int64", "bool", "string", "double", "uint8", "float16"])
def test_generated_cases_fit_every_datatype(onnx_file, kind):
    """Made-up inputs have the datatype that the model takes."""
    path = onnx_file(f"g ({kind}[N, 2] x) => ({kind}[N, 2] y) {{ y = Identity(x) }}")
    cases = generate_golden(Session(path, RuntimeOptions(), 1769), None)
    assert len(cases) == 3


def test_model_that_takes_no_made_up_input_asks_for_data(onnx_file):
    """A graph whose shapes do not fit what can be made up says what to give instead."""
    text = """
    g (float[A, B] x) => (float[P, Q] y)
    <float[5, 1] w = {1, 1, 1, 1, 1}> { y = MatMul(x, w) }
    """
    with pytest.raises(
        SignatureMismatch, match="give golden cases, an evaluation set or a baseline"
    ):
        generate_golden(Session(onnx_file(text), RuntimeOptions(), 1769), None)


def test_saved_golden_cases_come_back_equal(tmp_path):
    """Strings are stored as text, never as objects; every other array as it is."""
    case = GoldenCase(
        {
            "s": np.array(["a", "äöü"], object),
            "b": np.array([True]),
            "h": np.ones((0, 3), np.float16),
        },
        {"y": np.array(1.5)},
    )
    golden.save([case, case], tmp_path / "golden.npz")
    one, two = golden.load(tmp_path / "golden.npz")
    for name, array in case.inputs.items():
        assert one.inputs[name].dtype == array.dtype
        assert np.array_equal(two.inputs[name], array)
    assert one.outputs["y"] == case.outputs["y"]


def test_saved_golden_cases_are_the_same_bytes_every_time(tmp_path, session):
    """A file that is made again has the same digest: it is stored once."""
    for name in ("a.npz", "b.npz"):
        golden.save(generate_golden(session, None), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_models_text_is_what_the_tests_think_it_is(session):
    """The model that most tests serve answers y = 2x + 1."""
    assert models.DOUBLED
    assert session.run({"x": ROWS})["y"].tolist() == (ROWS * 2 + 1).tolist()
