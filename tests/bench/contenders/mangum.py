"""FastAPI behind Mangum."""

from __future__ import annotations

from typing import Any

from bench.contenders import asgi
from mangum import Mangum
from onnxruntime import InferenceSession


def handler(session: InferenceSession, items: Any, data: Any) -> Any:
    """Return a handler; arguments as `asgi.app`."""
    return Mangum(asgi.app(session, items, data), lifespan="off")
