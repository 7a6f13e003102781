"""What an ONNX file is, read without trusting it."""

from __future__ import annotations

import os

import onnx
import onnx.parser
import pytest
from hearth.domain.errors import ExternalDataEscapes, ModelRefused, NotOnnx, UnsupportedModel
from hearth.publishing.onnx_file import read
from support import models
from support.models import external


@pytest.fixture
def holding(folder):
    """`holding(content)`: a file that holds these bytes."""

    def write(content: bytes, name: str = "model.onnx"):
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def serialized(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no graph"),
        (b"hello, this is text\n", "does not parse as ONNX: got b'hello, this is t'"),
        (b"PK\x03\x04" + b"\x00" * 100, "does not parse as ONNX"),
        (b"\x80\x04\x95\x0f\x00\x00\x00", "export the model to ONNX first"),
        (b"\x00" * 64, "does not parse as ONNX"),
        (models.model().SerializeToString()[:-20], "does not parse as ONNX"),
        (onnx.ModelProto(ir_version=10).SerializeToString(), "has no graph"),
    ],
    ids=["empty", "text", "zip", "pickle", "zeros", "truncated", "no graph"],
)
def test_file_that_is_no_onnx_model_is_refused(holding, content, words):
    """The message shows what the file begins with, and what to do."""
    with pytest.raises(NotOnnx, match=words):
        read(holding(content))


@pytest.mark.parametrize("share", range(5, 100, 10))
def test_truncated_file_is_refused_wherever_it_ends(holding, share):
    """An interrupted download of a model is no model."""
    whole = serialized(models.model())
    with pytest.raises(NotOnnx):
        read(holding(whole[: len(whole) * share // 100]))


def test_directory_or_missing_file_is_refused(folder):
    """What is no file is named."""
    for path in (folder, folder / "nowhere.onnx"):
        with pytest.raises(NotOnnx, match="there is no file"):
            read(path)


@pytest.mark.parametrize("name", ["model.json", "model.onnxtxt", "model.textproto", "model"])
def test_file_is_read_as_protobuf_whatever_its_name(holding, name):
    """A name decides nothing: the bytes do."""
    assert read(holding(serialized(models.model()), name)).external == ()


def test_model_as_text_is_refused(holding):
    """Only the serialized form is what ONNX Runtime opens."""
    text = f"{models.HEADER}\n{models.DOUBLED}"
    with pytest.raises(NotOnnx, match="does not parse"):
        read(holding(text.encode(), "model.onnxtxt"))


def test_newer_ir_version_is_unsupported(holding):
    """A model from a newer ONNX says which IR version is read, and what to do."""
    made = models.model()
    made.ir_version = 99
    with pytest.raises(UnsupportedModel, match=r"got 99, expected at most .* older ONNX"):
        read(holding(serialized(made)))


@pytest.mark.parametrize(
    "domain", ["my.company", "ai.onnx.contrib", "com.example", "ai.onnx.training"]
)
def test_custom_operator_is_named(holding, domain):
    """An operator that no packed library has is named with its domain, not met at run time."""
    made = models.model()
    made.opset_import.add(domain=domain, version=1)
    made.graph.node[0].domain, made.graph.node[0].op_type = domain, "Frobnicate"
    with pytest.raises(UnsupportedModel, match=f"got {domain}.Frobnicate.*export without them"):
        read(holding(serialized(made)))


def test_custom_operator_inside_a_branch_is_named(holding):
    """A subgraph is looked into like the graph."""
    made = models.model(
        """
        g (bool c, float[2] x) => (float[2] y)
        { y = If (c) <
            then_branch = t () => (float[2] a) { a = Relu(x) },
            else_branch = e () => (float[2] b) { b = Abs(x) }
          > }
        """
    )
    made.opset_import.add(domain="my.ops", version=1)
    branch = made.graph.node[0].attribute[1].g
    branch.node[0].domain, branch.node[0].op_type = "my.ops", "Frob"
    with pytest.raises(UnsupportedModel, match=r"got my\.ops\.Frob"):
        read(holding(serialized(made)))


def test_function_that_the_model_brings_along_is_no_custom_operator(holding):
    """A model-local function is defined within: nothing has to be packed for it."""
    made = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21, "local" : 1]>
        g (float[N] x) => (float[N] y) { y = local.twice(x) }
        <domain: "local", opset_import: ["" : 21]>
        twice (a) => (b) { b = Add(a, a) }
        """)
    assert read(holding(serialized(made))).external == ()


def test_model_that_fails_the_checker_is_refused_with_its_words(holding):
    """The ONNX checker's finding reaches the publisher."""
    made = models.model()
    made.graph.node[0].input[0] = "nowhere"
    with pytest.raises(NotOnnx, match=r"fails the ONNX checker.*nowhere"):
        read(holding(serialized(made)))


def test_facts_say_where_a_model_comes_from(holding):
    """Producer, IR version and operator sets are kept for the provenance."""
    made = models.model()
    made.producer_name, made.producer_version = "trainer", "1.2"
    assert read(holding(serialized(made))).facts == {
        "producer": "trainer 1.2",
        "ir_version": "10",
        "opsets": "ai.onnx 21",
    }


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ('classlabels_strings = ["no", "yes"]', ("no", "yes")),
        ("classlabels_ints = [3, 5]", ("3", "5")),
    ],
)
def test_class_labels_come_from_the_classifier_in_the_graph(holding, attribute, expected):
    """A classifier names its classes: nobody has to say them again."""
    label = "string" if "strings" in attribute else "int64"
    made = onnx.parser.parse_model(f"""
        <ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
        g (float[N, 2] x) => ({label}[N] label, float[N, 2] scores)
        {{ label, scores = ai.onnx.ml.LinearClassifier <
             {attribute}, coefficients = [1.0, 2.0, 3.0, 4.0], intercepts = [0.0, 0.0],
             multi_class = 0, post_transform = "SOFTMAX"> (x) }}
        """)
    assert read(holding(serialized(made))).class_labels == expected


@pytest.mark.parametrize("location", ["weights.bin", "./weights.bin", "deep/er/weights.bin"])
def test_weights_beside_the_model_are_found(with_weights, folder, twos, location):
    """External data in the model's folder, or below it, is part of the model."""
    path = with_weights(location)
    (folder / location).parent.mkdir(parents=True, exist_ok=True)
    (folder / location).write_bytes(twos)
    assert read(path).external == (location.removeprefix("./"),)


def test_weights_in_several_files_are_all_found(folder, twos):
    """A model may spread its weights; one file may hold several of them."""
    made = external(models.model(), "two", "b.bin", length=16, offset=0)
    made = external(made, "one", "a.bin", length=16, offset=16)
    path = folder / "model.onnx"
    path.write_bytes(serialized(made))
    (folder / "b.bin").write_bytes(twos)
    (folder / "a.bin").write_bytes(bytes(16) + twos)
    assert read(path).external == ("a.bin", "b.bin")


@pytest.mark.parametrize(
    "location",
    [
        *("../secret.bin", "deep/../../secret.bin", "deep/../weights.bin", ".."),
        *("/etc/passwd", "", None, "weights.bin\0.txt"),
    ],
)
def test_weights_outside_the_folder_are_refused(with_weights, folder, twos, location):
    """Neither `..`, an absolute path, nothing at all nor a NUL leads to weights."""
    (folder.parent / "secret.bin").write_bytes(twos)
    (folder / "weights.bin").write_bytes(twos)
    (folder / "deep").mkdir()
    with pytest.raises(ExternalDataEscapes, match="outside the model's folder"):
        read(with_weights(location))


def test_absolute_path_into_the_folder_is_refused(with_weights, folder, twos):
    """It would lead somewhere else on every other machine."""
    (folder / "weights.bin").write_bytes(twos)
    with pytest.raises(ExternalDataEscapes):
        read(with_weights(str(folder / "weights.bin")))


def test_symbolic_link_out_of_the_folder_is_refused(with_weights, folder, twos):
    """A link is followed before it is judged."""
    (folder.parent / "secret.bin").write_bytes(twos)
    (folder / "weights.bin").symlink_to("../secret.bin")
    with pytest.raises(ExternalDataEscapes):
        read(with_weights())


def test_directory_that_is_a_link_out_of_the_folder_is_refused(with_weights, folder, twos):
    """Nor does a linked directory lead out."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "weights.bin").write_bytes(twos)
    (folder / "deep").symlink_to(outside)
    with pytest.raises(ExternalDataEscapes):
        read(with_weights("deep/weights.bin"))


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard", "symbolic"])
def test_linked_weights_are_refused(with_weights, folder, twos, link):
    """The ONNX checker takes weights from plain files alone."""
    (folder / "real.bin").write_bytes(twos)
    link(folder / "real.bin", folder / "weights.bin")
    with pytest.raises(NotOnnx, match="link"):
        read(with_weights())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "weights.bin: no file"),
        (b"", "0 bytes"),
        (bytes(15), "15 bytes, expected at least 16"),
    ],
    ids=["missing", "empty", "truncated"],
)
def test_weights_that_are_not_all_there_are_refused(with_weights, folder, content, words):
    """A forgotten or cut weight file is named with what it should hold."""
    if content is not None:
        (folder / "weights.bin").write_bytes(content)
    with pytest.raises(NotOnnx, match=words):
        read(with_weights())


def test_weights_in_a_directory_are_refused(with_weights, folder):
    """A directory holds no weights."""
    (folder / "weights.bin").mkdir()
    with pytest.raises(NotOnnx):
        read(with_weights())


def test_truncated_weights_are_refused_when_no_length_is_given(publisher, with_weights, folder):
    """The file's own size decides where the model does not say: ONNX Runtime refuses to open it."""
    from hearth.publishing.publication import Source

    (folder / "weights.bin").write_bytes(bytes(7))
    with pytest.raises(ModelRefused):
        publisher.publish(Source("m", with_weights(length=None)))


@pytest.mark.parametrize("entries", [{"offset": "x"}, {"offset": -5}, {"length": "1e3"}])
def test_weights_with_an_offset_that_is_none_are_refused(with_weights, folder, twos, entries):
    """What the file says of its weights is checked before it is used."""
    (folder / "weights.bin").write_bytes(twos)
    with pytest.raises(NotOnnx):
        read(with_weights(**entries))
