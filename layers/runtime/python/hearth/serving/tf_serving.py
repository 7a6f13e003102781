"""TensorFlow Serving's REST API: predict, classify, regress and metadata.

Source: tensorflow_serving `model_servers/http_rest_api_handler.cc` and `g3doc/api_rest.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hearth.domain.errors import MalformedBody
from hearth.domain.manifest import Manifest
from hearth.domain.signature import CLASSIFY, PREDICT, SignatureDef, TensorSpec
from hearth.edge.answers import JSON, Answer
from hearth.serving import json_text, tf_payload
from hearth.serving.asked import Asked, Body, Served
from hearth.serving.session import Tensors
from hearth.serving.signatures import all_of, asked_for, tf_method
from hearth.serving.tensors import widened


class TfServing:
    def read(self, body: Body, verb: str) -> Asked:
        document = json_text.loads(body.content, lenient=True)
        if not isinstance(document, dict):
            raise MalformedBody(
                "Is not object", got=json_text.kind(document), expected="a JSON object"
            )
        if not isinstance(document.get("signature_name", ""), str):
            raise MalformedBody("'signature_name' key must be a string value.")
        return Asked(document, verb, id=body.headers.get("x-request-id", ""))

    def decode(self, asked: Asked, manifest: Manifest) -> Tensors:
        self.wanted(asked, manifest)  # a wrong signature is told before a wrong payload
        if asked.verb == PREDICT:
            return tf_payload.decode(asked.document, manifest.signature)
        from hearth.serving import examples  # few ask in examples

        return examples.to_tensors(examples.read(asked.document), manifest.signature)

    def wanted(self, asked: Asked, manifest: Manifest) -> tuple[str, ...]:
        name = asked.document.get("signature_name", "")
        if not name and asked.verb == PREDICT and not manifest.signature_defs:
            return ()
        return asked_for(manifest, name, asked.verb).outputs

    def encode(self, asked: Asked, outputs: Tensors, served: Served) -> Answer:
        for spec in served.signature.outputs:
            if spec.datatype == "BF16" and spec.name in outputs:
                outputs[spec.name] = widened(outputs[spec.name], spec.type)
        if asked.verb == PREDICT:
            return Answer(200, tf_payload.encode(asked.document, outputs), JSON)
        return _encode_examples(asked, outputs, served)

    def metadata(self, served: Served, versions: list[int]) -> Answer:
        definitions = {
            name: _described(definition, served.manifest)
            for name, definition in all_of(served.manifest).items()
        }
        body = {
            "model_spec": {
                "name": served.route.model,
                "signature_name": "",
                "version": str(served.route.version),
            },
            "metadata": {"signature_def": {"signature_def": definitions}},
        }
        return Answer(200, json_text.dumps(body), JSON)


def _encode_examples(asked: Asked, outputs: Tensors, served: Served) -> Answer:
    from hearth.serving import examples

    count = len(asked.document["examples"])
    if asked.verb == CLASSIFY:
        scores, *classes = outputs.values()
        given = classes[0] if classes else None
        labels = served.manifest.class_labels
        body = {"results": examples.classifications(scores, given, labels, count)}
    else:
        [values] = outputs.values()
        body = {"results": examples.regressions(values, count)}
    return Answer(200, json_text.dumps(body), JSON)


def _described(definition: SignatureDef, manifest: Manifest) -> Mapping[str, Any]:
    signature = manifest.signature
    outputs = [signature.output(name) for name in definition.outputs]
    return {
        "inputs": {spec.name: _tensor_info(spec) for spec in signature.inputs},
        "outputs": {spec.name: _tensor_info(spec) for spec in outputs},
        "method_name": tf_method(definition.method),
        "defaults": {},
    }


def _tensor_info(spec: TensorSpec) -> dict[str, Any]:
    dims = [
        {"size": str(size), "name": name} for size, name in zip(spec.shape, spec.dims, strict=True)
    ]
    shape = {"dim": dims, "unknown_rank": not spec.ranked}
    return {"dtype": spec.type.tf, "tensor_shape": shape, "name": spec.name}
