"""Open Inference Protocol v2: `infer` with JSON and with the binary tensor data extension.

Source: open-inference-protocol `inference_rest.md`, Triton's `extension_binary_data.md`,
`extension_classification.md` and `extension_parameters.md`.
"""

from __future__ import annotations

from typing import Any

from hearth.domain.errors import MalformedBody
from hearth.domain.manifest import Manifest
from hearth.domain.signature import DYNAMIC, TensorSpec
from hearth.edge.answers import JSON, Answer
from hearth.edge.headers import HEADER_LENGTH, json_length
from hearth.serving import infer_inputs, infer_outputs, json_text
from hearth.serving.asked import Asked, Body, Served
from hearth.serving.infer_members import check_parameters, flag, parameters
from hearth.serving.infer_outputs import Form
from hearth.serving.session import Tensors

_HEADER_LENGTH = HEADER_LENGTH.lower()
PLATFORM = "onnx_onnxv1"


class OpenInference:
    def read(self, body: Body, verb: str) -> Asked:
        length = _header_length(body)
        if length == 0 and _HEADER_LENGTH in body.headers:
            return Asked({"inputs": []}, verb, memoryview(body.content), raw=True)
        document = json_text.loads(body.content[:length])
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
            raise MalformedBody(
                "the request has no list of inputs", expected='{"inputs": [{"name": ..., ...}]}'
            )
        id_ = document.get("id")
        if id_ is not None and not isinstance(id_, str):
            raise MalformedBody("'id' is not a string", got=json_text.kind(id_))
        check_parameters(parameters(document))
        return Asked(document, verb, memoryview(body.content)[length:], id_ or "")

    def decode(self, asked: Asked, manifest: Manifest) -> Tensors:
        if asked.raw:
            return infer_inputs.decode_raw(asked.binary, manifest.signature)
        return infer_inputs.decode(asked.document["inputs"], asked.binary, manifest.signature)

    def wanted(self, asked: Asked, manifest: Manifest) -> tuple[str, ...]:
        forms = infer_outputs.requested(asked.document, _default(asked))
        return tuple(manifest.signature.output(name).name for name in forms)

    def encode(self, asked: Asked, outputs: Tensors, served: Served) -> Answer:
        default, labels = _default(asked), served.manifest.class_labels
        forms = infer_outputs.requested(asked.document, default)
        items: list[dict[str, Any]] = []
        blobs: list[bytes | memoryview] = []
        for name, array in outputs.items():
            spec, form = served.signature.output(name), forms.get(name, default)
            item, blob = infer_outputs.encode(array, spec, form, labels)
            items.append(item)
            blobs.append(blob)
        document = {
            "model_name": served.route.model,
            "model_version": str(served.route.version),
            **({"id": asked.id} if asked.id else {}),
            "outputs": items,
        }
        binary = any("parameters" in item for item in items)
        return _answer(json_text.dumps(document), blobs, binary=binary)

    def metadata(self, served: Served, versions: list[int]) -> Answer:
        body = {
            "name": served.route.model,
            "versions": [str(version) for version in versions],
            "platform": PLATFORM,
            "inputs": [_describe(spec) for spec in served.signature.inputs],
            "outputs": [_describe(spec) for spec in served.signature.outputs],
        }
        return Answer(200, json_text.dumps(body), JSON)


def _describe(spec: TensorSpec) -> dict[str, Any]:
    shape = list(spec.shape) if spec.ranked else [DYNAMIC]
    return {"name": spec.name, "datatype": spec.datatype, "shape": shape}


def _default(asked: Asked) -> Form:
    listed = parameters(asked.document)
    return Form(binary=asked.raw or flag(listed, "binary_data_output", default=False))


def _header_length(body: Body) -> int:
    given = body.headers.get(_HEADER_LENGTH)
    if given is None:
        return len(body.content)
    length = json_length(given)
    if not 0 <= length <= len(body.content):
        raise MalformedBody(
            f"inference header size should be in range (0, {len(body.content)})", got=given
        )
    return length


def _answer(document: bytes, blobs: list[bytes | memoryview], *, binary: bool) -> Answer:
    if not binary:
        return Answer(200, document, JSON)
    headers = {
        "Content-Type": "application/octet-stream",
        HEADER_LENGTH: str(len(document)),
    }
    return Answer(200, b"".join([document, *blobs]), headers, binary=True)
