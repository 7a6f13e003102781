"""Flow 1, predict: read -> resolve -> open -> decode -> check -> run -> encode -> record."""

from __future__ import annotations

from functools import cache, lru_cache
from time import perf_counter as _now

import orjson
from hearth.domain.errors import HearthError, MalformedPath, ResourceExhausted
from hearth.domain.identity import STABLE
from hearth.domain.routing import Route
from hearth.domain.signature import PREDICT
from hearth.edge.answers import JSON, Answer
from hearth.edge.events import HttpRequest
from hearth.edge.headers import ROUTING_KEY
from hearth.edge.problem import status_of
from hearth.edge.routes import Call, parse_v1, parse_v2
from hearth.serving import json_text, payloads
from hearth.serving import record as records
from hearth.serving.asked import Asked, Body, Served, ServingProtocol
from hearth.serving.check import conform
from hearth.serving.express import Answered
from hearth.serving.record import Record
from hearth.serving.session import Tensors
from hearth.serving.sessions import Opened
from hearth.serving.worker import Worker

_ROUTING_KEY = ROUTING_KEY.lower()
# Headers by which a body is not what it is, or an answer goes elsewhere.
_CARRIED = frozenset(("content-encoding", payloads.INPUT, payloads.OUTPUT))
_ROWS = frozenset((PREDICT, "infer"))
_PREDICTIONS = (PREDICT, "infer", "classify", "regress")
_DESCRIPTIONS = ("metadata", "config")


def predict(request: HttpRequest, worker: Worker) -> Answer:
    """Answer one request of either protocol; a prediction's record is written first.

    Raises:
        HearthError: Whatever is wrong; of a prediction, it is in the record.
    """
    try:
        call, protocol = parsed = _parse(request.method, request.path)
        if call.verb in _DESCRIPTIONS:
            return _describe(call, protocol, worker)
        return _express(request, call, worker) or _recorded(request, parsed, worker)
    except Exception as error:
        worker.carrier.report(error, request)
        raise


def _express(request: HttpRequest, call: Call, worker: Worker) -> Answer | None:
    """Return the answer to a request like one that was answered; None for any other.

    It is what `_recorded` would answer, and so is the record. All that can fail fails there.
    """
    started = _now()
    found = worker.at_hand(call.target) if _is_plain(request, call) else None
    known = found and found[1].express.form(request, call.verb)
    if not found or not known:
        return None
    form, numbers = known
    if not form.write(numbers):
        return None
    (_, version, label, why, _), opened = found
    ran = _now()
    try:
        form.run()
    except HearthError:
        opened.express.forget(form)
        return None
    began = _now()
    text = orjson.dumps(form.scores, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" in text:
        return None  # which is how orjson writes what is not finite
    answer = form.answer(text)
    ended = _now()
    record = records.of_request(request, call.target.model)
    record.known, record.status = True, answer.status
    record.version, record.route, record.why = version, label, why
    record.response_bytes, record.batch = len(answer.body), form.batch
    answer = worker.carrier.deliver(answer, request)
    record.captured = form.capture(request.request_id, form.rows, form.scores, text)
    record.decode_ms, record.model_ms = (ran - started) * 1000, (began - ran) * 1000
    record.encode_ms, record.latency_ms = (ended - began) * 1000, (_now() - started) * 1000
    records.write(record)
    return answer


def _is_plain(request: HttpRequest, call: Call) -> bool:
    """Return whether a request's body is all that its answer depends on."""
    return call.verb in _ROWS and _CARRIED.isdisjoint(request.headers)


def _recorded(request: HttpRequest, parsed: tuple[Call, ServingProtocol], worker: Worker) -> Answer:
    started = _now()
    model = parsed[0].target.model
    record = records.of_request(request, model)
    try:
        answer = _bounded(request, parsed, worker, record)
        record.status = answer.status
    except Exception as error:
        record.error = type(error).__name__
        record.status = 500
        if isinstance(error, HearthError):
            record.status = status_of(error, request.path)
        raise
    finally:
        record.known = worker.catalogue.knows(model)
        record.latency_ms = (_now() - started) * 1000
        records.write(record)
    return answer


def _bounded(
    request: HttpRequest, parsed: tuple[Call, ServingProtocol], worker: Worker, record: Record
) -> Answer:
    try:
        return _predict(request, parsed, worker, record)
    except MemoryError as error:
        raise ResourceExhausted(
            "no memory left to answer", remedy="send smaller batches, or raise the memory size"
        ) from error


def _predict(
    request: HttpRequest, parsed: tuple[Call, ServingProtocol], worker: Worker, record: Record
) -> Answer:
    call, protocol = parsed
    record.route = call.target.label or ("" if call.target.version else STABLE)
    body = worker.carrier.fetch(request)
    record.request_bytes = len(body.content)
    began = _now()
    asked = protocol.read(body, call.verb)
    record.decode_ms = (_now() - began) * 1000
    if asked.id:
        record.called_by(asked.id)
    key = request.headers.get(_ROUTING_KEY) or asked.id or request.request_id
    route = worker.catalogue.route(call.target, key)
    record.version, record.why = route.version, route.why
    opened, cold = worker.open(route)
    record.load_ms = opened.load_ms if cold else 0.0
    inputs, outputs = _run(asked, protocol, worker, (route, opened), record)
    worker.carrier.require_room(outputs.values(), request)
    began = _now()
    answer = protocol.encode(asked, outputs, Served(route, opened.manifest))
    record.encode_ms = (_now() - began) * 1000
    record.response_bytes = len(answer.body)
    delivered = worker.carrier.deliver(answer, request)
    record.captured = opened.watch.capture(request.request_id, inputs, outputs)
    # An id in the body is another each time.
    if _is_plain(request, call) and not asked.id:

        def decode(content: bytes) -> Tensors:
            read = protocol.read(Body(content, body.headers), call.verb)
            return protocol.decode(read, opened.manifest)

        opened.express.learn(request, call.verb, Answered(inputs, outputs, answer, decode))
    return delivered


def _run(
    asked: Asked,
    protocol: ServingProtocol,
    worker: Worker,
    serving: tuple[Route, Opened],
    record: Record,
) -> tuple[Tensors, Tensors]:
    """Return the inputs that were asked about, and the model's outputs for them."""
    route, opened = serving
    began = _now()
    inputs = protocol.decode(asked, opened.manifest)
    conform(inputs, opened.manifest.signature)
    wanted = protocol.wanted(asked, opened.manifest)
    ran = _now()
    record.decode_ms += (ran - began) * 1000
    record.batch = opened.watch.batch_size(inputs)
    outputs = worker.run(route, inputs, wanted)
    record.model_ms = (_now() - ran) * 1000
    return inputs, outputs


@cache
def _tf_serving() -> ServingProtocol:
    from hearth.serving.tf_serving import TfServing

    return TfServing()


@cache
def _open_inference() -> ServingProtocol:
    from hearth.serving.open_inference import OpenInference

    return OpenInference()


@lru_cache(maxsize=512)
def _parse(method: str, path: str) -> tuple[Call, ServingProtocol]:
    newer = path.startswith("/v2")
    # A process that is asked in one protocol alone never imports the other.
    protocol = _open_inference() if newer else _tf_serving()
    call = (parse_v2 if newer else parse_v1)(method, path)
    expected = _DESCRIPTIONS if method == "GET" else _PREDICTIONS
    if call.verb not in expected:
        raise MalformedPath(f"Malformed request: {method} {path[:200]}")
    return call, protocol


def _describe(call: Call, protocol: ServingProtocol, worker: Worker) -> Answer:
    route = worker.catalogue.route(call.target, "")
    opened, _ = worker.open(route)
    versions = worker.catalogue.versions(route.model)
    if call.verb == "config":
        from hearth.serving.model_config import model_config

        config = model_config(opened.manifest, versions)
        return Answer(200, json_text.dumps(config), JSON)
    return protocol.metadata(Served(route, opened.manifest), versions)
