"""The functions themselves, called as AWS calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import health_check
import metrics as metrics_module
import predict as predict_module
import pytest
from hearth.domain.signature import SignatureDef
from hearth.edge.door import respond
from hearth.serving.prediction import predict as predict_flow
from support import bundle, models, zoo
from support.calling import Caller
from support.network import mocked_aws, no_pauses

ZOO = {
    "m": models.DOUBLED,
    "pair": zoo.PAIR,
    "total": zoo.TOTAL,
    "uneven": zoo.UNEVEN,
    "text": zoo.TEXT,
    "table": zoo.TABLE,
    "scalar": zoo.SCALAR,
    "b64": zoo.B64,
    "joined": zoo.JOINED,
    "picked": zoo.PICKED,
    "paired": zoo.PAIRED,
    "zeros": zoo.ZEROS,
    "halved": zoo.HALVED,
    "divided": zoo.DIVIDED,
    "rounded": zoo.ROUNDED,
    "scored": zoo.SCORED,
    "named": zoo.SCORED,
    "summed": zoo.SUMMED,
    "first": zoo.FIRST,
    "labelled": zoo.LABELLED,
    "features": zoo.FEATURES,
    "grid": zoo.GRID,
    "free": zoo.FREE,
    "optional": zoo.OPTIONAL,
    "anyhow": zoo.unranked(zoo.SCALAR),
    **{f"same-{datatype}": zoo.same(datatype) for datatype in zoo.BINARY_ELEMENTS},
    **{f"any-{name}": zoo.unranked(zoo.same(name)) for name in zoo.BINARY_ELEMENTS},
}
# What is published beside a model's file.
BESIDE: dict[str, dict[str, Any]] = {
    "named": {
        "class_labels": ("cat", "dog", "bird"),
        "signature_defs": {"top": SignatureDef("classify", ("scores",))},
    },
    "labelled": {"signature_defs": {"labels": SignatureDef("classify", ("scores", "labels"))}},
}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Caller:
    """predict in a sandbox that holds the whole zoo open; S3 is not there any more.

    Whatever a test asks of these models is answered from memory, or the test fails.
    """
    folder = tmp_path_factory.mktemp("warm")
    bucket, region = "hearth-zoo", "eu-central-1"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": region,
            "HEARTH_BUCKET": bucket,
            "HEARTH_FILES_DIR": str(folder / "files"),
            "HEARTH_REGISTRY_TTL_S": "1e9",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        }.items():
            patch.setenv(name, value)
        with mocked_aws():
            made = bundle.create(bucket, region, folder)
            predict_module.assemble.cache_clear()
            worker = predict_module.assemble()
            predict_module.assemble.cache_clear()
            # As predict's handler does it, with a worker that outlives the cache of `assemble`.
            caller = Caller(
                lambda event, _: respond(
                    event, lambda request: predict_flow(request, worker), identified=True
                )
            )
            for name, text in ZOO.items():
                path = folder / f"{name}.onnx"
                model = models.model(text) if isinstance(text, str) else text
                path.write_bytes(model.SerializeToString())
                made.serve(name, path, **BESIDE.get(name, {}))
                answer = caller.get(f"/v2/models/{name}")
                assert answer.status == 200, answer
    return caller


@pytest.fixture
def predict(function_environment: Callable[..., None]) -> Iterator[Caller]:
    """predict in a fresh sandbox, which sees each change of the registry at once."""
    function_environment()
    predict_module.assemble.cache_clear()
    yield Caller(predict_module.handler)
    predict_module.assemble.cache_clear()


@pytest.fixture
def health(function_environment: Callable[..., None]) -> Iterator[Caller]:
    function_environment()
    health_check.settings.cache_clear()
    health_check.documents.cache_clear()
    yield Caller(health_check.handler)
    health_check.settings.cache_clear()
    health_check.documents.cache_clear()


@pytest.fixture
def metrics(function_environment: Callable[..., None]) -> Iterator[Caller]:
    function_environment()
    metrics_module.settings.cache_clear()
    metrics_module.monitor.cache_clear()
    yield Caller(metrics_module.handler)
    metrics_module.settings.cache_clear()
    metrics_module.monitor.cache_clear()


@pytest.fixture
def ingest(metrics: Caller) -> Callable:
    return lambda event: metrics.handler(event, None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 is asked again as often as ever, without a pause in between."""
    no_pauses(monkeypatch)
