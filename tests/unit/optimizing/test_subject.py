"""What a version brings to a search: copies of its files, and rows within bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hearth.optimizing import subject as subjects
from hearth.optimizing.subject import ROLES, Subject, prepare
from hearth.serving.files import Files
from support import models, zoo


@pytest.fixture
def prepared(publish, artefacts, tmp_path):
    """`prepared(text, **arrays)`: a model's text as a search has it, with reference rows."""

    def make(text: str = models.DOUBLED, **arrays: np.ndarray) -> Subject:
        rows = {}
        if arrays:
            np.savez(tmp_path / "rows.npz", **arrays)
            rows = {"baseline": tmp_path / "rows.npz"}
        publish("m", text, **rows)
        read = artefacts.manifest("m", 1)
        folder = Files(tmp_path / "files", artefacts).place(read, ROLES)
        (tmp_path / "work").mkdir()
        return prepare(read.manifest, folder, tmp_path / "work")

    return make


def test_golden_cases_come_first_then_the_rows(prepared):
    """Candidates are asked both in one go, and judged by which is which."""
    made = prepared(x=np.ones((100, 4), np.float32))
    rows = [len(case.inputs["x"]) for case in made.asked[made.golden :]]
    assert (made.golden, sum(rows), made.source) == (3, 100, "reference")


def test_one_row_is_what_is_timed(prepared):
    """What a caller sends most often is one row."""
    from hearth.serving import golden

    made = prepared(x=np.ones((100, 4), np.float32))
    (case,) = golden.load(made.timing)
    assert case.inputs["x"].shape == (1, 4)


def test_without_rows_golden_cases_are_all_there_is(prepared):
    """Nothing to calibrate with, and nothing that shows that answers stay the same."""
    made = prepared()
    assert (made.source, made.calibration, len(made.asked)) == ("golden", None, 3)


def test_rows_are_bounded_by_what_lies_in_memory(prepared, monkeypatch):
    """Inputs and answers count: a model that answers with images has fewer rows."""
    monkeypatch.setattr(subjects, "MOST_ELEMENTS", 8 * 50)
    made = prepared(x=np.ones((1000, 4), np.float32))
    assert sum(len(case.inputs["x"]) for case in made.asked[made.golden :]) == 50


def test_files_are_copies(prepared):
    """ONNX's tools refuse weights that are hard links, which is how a sandbox keeps them."""
    made = prepared(x=np.ones((10, 4), np.float32))
    assert made.original.path.stat().st_nlink == 1
    assert made.original.path.read_bytes() == (made.folder / "model.onnx").read_bytes()


def test_strings_are_asked_as_they_were_given(prepared):
    """A file holds text of fixed width; the model takes Python's strings."""
    made = prepared(zoo.TEXT, x=np.array(["a", "bc"] * 20))
    assert made.asked[-1].inputs["x"].tolist()[:2] == ["a", "bc"]
