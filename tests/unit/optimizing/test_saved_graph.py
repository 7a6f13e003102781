"""Graphs optimised ahead for a family of processors, and threads fixed: ways of opening."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import RecipeFailed
from hearth.optimizing.recipes.saved_graph import SAVED_GRAPH
from hearth.optimizing.recipes.threads import Threads
from hearth.publishing import onnx_file
from hearth.serving.processor import family
from onnx import numpy_helper
from support import candidates
from support.candidates import MODELS, inspected, work

CONV = MODELS / "digits_conv.onnx"
NAMES = ["digits_conv", "digits_depthwise", "digits_mlp", "digits_lstm"]


@pytest.mark.parametrize("name", NAMES)
def test_answers_and_signature_stay(name, tmp_path):
    """The saved graph has the model's signature and its very answers; the model lies beside it."""
    path = MODELS / f"{name}.onnx"
    made = SAVED_GRAPH.apply(work(path, tmp_path / "made"))
    assert made.path.read_bytes() == path.read_bytes()
    assert made.saved.parent == made.path.parent
    assert candidates.signature(made.saved) == candidates.signature(path)
    assert SAVED_GRAPH.ensures(inspected(path), inspected(made.path), made) == ""
    assert onnx_file.read(made.saved).external == made.saved_external  # it could be published
    assert made.notes == (f"its saved graph is for {family()}",)
    rows = candidates.random_rows(path, 5)
    wanted = candidates.answers(Candidate(ORIGINAL, path), rows)
    for got in (candidates.answers(made, rows), candidates.answers(made.portable, rows)):
        for output, values in wanted.items():
            np.testing.assert_allclose(got[output], values, rtol=1e-5, atol=1e-6)


def test_saved_graph_is_opened_as_it_is(tmp_path):
    """What is opened is the saved graph, without optimisation; the model keeps its options."""
    runtime = RuntimeOptions(intra_op_num_threads=1)
    before = Candidate(ORIGINAL, CONV, runtime=runtime)
    made = SAVED_GRAPH.apply(work(CONV, tmp_path / "made", before=before))
    assert made.opened == (made.saved, replace(runtime, graph_optimization_level="disabled"))
    assert made.runtime == runtime
    assert made.recipes == ("saved-graph",)


def test_weights_of_convolutions_lie_beside_it_as_they_are_used(tmp_path):
    """They are laid out for the processor, in a file that is mapped into memory."""
    made = SAVED_GRAPH.apply(work(CONV, tmp_path / "made"))
    assert made.saved_external == ("saved.bin",)
    assert made.saved.stat().st_size < 100_000
    beside = made.saved.stat().st_size + (tmp_path / "made/saved.bin").stat().st_size
    assert made.size == beside
    assert made.portable.size == CONV.stat().st_size


def test_same_model_gives_the_same_bytes(tmp_path):
    """A candidate can be made again."""
    one, two = (SAVED_GRAPH.apply(work(CONV, tmp_path / name)) for name in ("one", "two"))
    assert one.saved.read_bytes() == two.saved.read_bytes()
    assert (tmp_path / "one/saved.bin").read_bytes() == (tmp_path / "two/saved.bin").read_bytes()


def test_external_data_of_the_model_comes_along(tmp_path):
    """The portable model keeps the files that it needs, and the saved graph needs none of them."""
    model = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
    outside (float[N, 64] x) => (float[N, 64] y) { y = MatMul (x, w) }""")
    weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    path = tmp_path / "outside.onnx"
    (tmp_path / "deep").mkdir()
    onnx.save(model, path, save_as_external_data=True, location="deep/some.data")
    before = Candidate(ORIGINAL, path, external=("deep/some.data",))
    made = SAVED_GRAPH.apply(work(path, tmp_path / "made", before=before))
    rows = candidates.random_rows(path, 3)
    np.testing.assert_array_equal(
        candidates.answers(made.portable, rows)["y"], candidates.answers(before, rows)["y"]
    )
    (tmp_path / "made/deep/some.data").unlink()
    np.testing.assert_allclose(
        candidates.answers(made, rows)["y"], candidates.answers(before, rows)["y"], rtol=1e-5
    )
    assert path.exists()
    assert (tmp_path / "deep/some.data").exists()


def test_model_that_is_opened_without_optimisation_has_none_to_save(tmp_path):
    """Its publisher wanted the graph as it is."""
    before = Candidate(ORIGINAL, CONV, runtime=RuntimeOptions(graph_optimization_level="disabled"))
    with pytest.raises(RecipeFailed, match="there is none to save"):
        SAVED_GRAPH.apply(work(CONV, tmp_path / "made", before=before))


def test_trees_and_linear_models_have_no_graph_to_optimise():
    """Of them, saving ahead saves nothing."""
    for kind in ("trees", "linear"):
        assert "optimises no graph" in SAVED_GRAPH.requires(Inspection(kind, 1), False)
    assert SAVED_GRAPH.requires(Inspection("convolutional", 1), False) == ""


def test_model_is_never_written_to(tmp_path):
    """What a recipe starts from keeps its bytes, though the folder holds the same file."""
    source = tmp_path / "source.onnx"
    source.write_bytes(CONV.read_bytes())
    SAVED_GRAPH.apply(work(source, tmp_path / "made"))
    assert source.read_bytes() == CONV.read_bytes()


def test_weights_are_never_written_over(tmp_path):
    """A weight file that is called like the saved graph's stops the recipe, and keeps its bytes."""
    source = tmp_path / "source.onnx"
    source.write_bytes(CONV.read_bytes())
    (tmp_path / "saved.bin").write_bytes(b"weights")
    before = Candidate(ORIGINAL, source, external=("saved.bin",))
    with pytest.raises(RecipeFailed, match="a name that is needed"):
        SAVED_GRAPH.apply(work(source, tmp_path / "made", before=before))
    assert (tmp_path / "saved.bin").read_bytes() == b"weights"


# ----------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize(("recipe", "threads"), [(Threads(1), 1), (Threads(2), 2)])
def test_threads_are_fixed_whatever_the_memory(recipe, threads, tmp_path):
    """The candidate says how many threads it is opened with; its files are those of before."""
    made = recipe.apply(work(CONV, tmp_path / "made"))
    assert made.runtime.intra_op_num_threads == threads
    assert made.path.read_bytes() == CONV.read_bytes()
    assert made.path.parent == tmp_path / "made"
    assert made.name == f"threads-{threads}"
    assert recipe.requires(inspected(CONV), False) == ""
    assert recipe.ensures(inspected(CONV), inspected(made.path), made) == ""
    assert "opened with 0 threads" in recipe.ensures(
        inspected(CONV), inspected(CONV), replace(made, runtime=RuntimeOptions())
    )


def test_threads_of_a_saved_graph_are_fixed_too(tmp_path):
    """Whichever of the two files is opened, the threads are the same."""
    saved = SAVED_GRAPH.apply(work(CONV, tmp_path / "saved"))
    made = Threads(1).apply(work(CONV, tmp_path / "made", before=saved))
    assert made.name == "saved-graph+threads-1"
    assert made.opened[0] == tmp_path / "made/saved-digits_conv.onnx"
    assert {made.runtime.intra_op_num_threads, made.saved_runtime.intra_op_num_threads} == {1}
    rows = candidates.random_rows(CONV, 2)
    for name, values in candidates.answers(saved, rows).items():
        np.testing.assert_array_equal(candidates.answers(made, rows)[name], values)
