"""Rows that a publisher gives: read, thinned out, cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument, SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.publishing.rows import Rows, chunks, read_rows, thinned

BATCHED = Signature((TensorSpec("x", "FP32", (-1, 4)),), (TensorSpec("y", "FP32", (-1,)),))
FIXED = Signature((TensorSpec("x", "FP32", (6, 4)),), (TensorSpec("y", "FP32", (6, 1)),))
WORDS = Signature((TensorSpec("s", "BYTES", (-1,)),), (TensorSpec("y", "FP32", (-1,)),))


def rows(count: int) -> Rows:
    table = np.arange(count * 4, dtype=np.float32).reshape(count, 4)
    return Rows({"x": table}, np.arange(count))


def test_thinned_rows_are_the_same_every_time() -> None:
    """A baseline that is made again has the same digest: the draw has a fixed seed."""
    some, again = thinned(rows(1000), 100), thinned(rows(1000), 100)
    assert np.array_equal(some.inputs["x"], again.inputs["x"])
    assert len(some) == len(np.unique(some.target)) == 100
    assert np.array_equal(some.inputs["x"][:, 0], some.target * 4)
    assert (np.diff(some.target) > 0).all()


def test_few_rows_are_all_taken() -> None:
    """Nothing is drawn where everything fits."""
    whole = rows(10)
    assert thinned(whole, 10) is whole


def test_chunks_hold_every_row_once() -> None:
    """Cut anywhere, put together again they are the rows."""
    found = list(chunks(rows(10_000), BATCHED))
    assert len(found) > 1
    assert np.array_equal(np.concatenate([c.inputs["x"] for c in found]), rows(10_000).inputs["x"])
    assert np.array_equal(np.concatenate([c.target for c in found]), np.arange(10_000))


def test_chunks_are_smaller_where_outputs_are_large() -> None:
    """What bounds memory is inputs and outputs together."""
    assert max(map(len, chunks(rows(100), BATCHED, outputs=1 << 20))) <= 4
    assert max(map(len, chunks(rows(3), BATCHED, outputs=1 << 40))) == 1


def test_model_of_a_fixed_number_of_rows_is_given_so_many() -> None:
    """A model that takes six rows is given six, again and again."""
    assert [len(chunk) for chunk in chunks(rows(18), FIXED)] == [6, 6, 6]
    assert len(thinned(rows(18), 13, batch=6)) == 12
    assert len(thinned(rows(18), 5, batch=6)) == 6


def test_rows_of_a_fixed_number_come_in_multiples_of_it(tmp_path: Path) -> None:
    """Eighteen rows are three runs; seven are none."""
    path = tmp_path / "rows.npz"
    np.savez(path, x=rows(18).inputs["x"])
    assert len(read_rows(path, FIXED, labelled=False)) == 18
    np.savez(path, x=rows(7).inputs["x"])
    with pytest.raises(SignatureMismatch, match=r"got \[7, 4\], expected \[6, 4\]"):
        read_rows(path, FIXED, labelled=False)


@pytest.mark.parametrize("kind", ["U", "S"])
def test_strings_come_out_of_a_file_as_the_model_takes_them(tmp_path: Path, kind: str) -> None:
    """Without pickled objects a file holds text of fixed width, or bytes; both are strings."""
    text = np.array(["red", "blau ü"])
    path = tmp_path / "rows.npz"
    np.savez(path, s=text if kind == "U" else np.char.encode(text, "utf-8"))
    read = read_rows(path, WORDS, labelled=False)
    assert read.inputs["s"].dtype == object
    assert read.inputs["s"].tolist() == ["red", "blau ü"]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """ONNX Runtime's Python interface holds text alone."""
    path = tmp_path / "rows.npz"
    np.savez(path, s=np.array([b"\xff"]))
    with pytest.raises(InvalidDocument, match="not UTF-8"):
        read_rows(path, WORDS, labelled=False)


@pytest.mark.parametrize("some", [slice(1, 3), np.array([1, 2])])
def test_part_of_rows_has_their_labels(some: Any) -> None:
    """Rows and labels stay together."""
    part = rows(5)[some]
    assert part.target is not None
    assert part.target.tolist() == [1, 2]
    assert part.inputs["x"][:, 0].tolist() == [4, 8]
    assert Rows(rows(5).inputs)[some].target is None
