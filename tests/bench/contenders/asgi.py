"""A FastAPI app of both protocols. Endpoints are coroutines: threads would only make them slower."""

# No postponed annotations: FastAPI reads these where they stand.

from typing import Any

import numpy as np
from bench.contenders.schemas import (
    Infer,
    Inferred,
    Inputs,
    Instances,
    Outputs,
    Predictions,
    Tensor,
)
from fastapi import FastAPI
from onnxruntime import InferenceSession


def app(session: InferenceSession, items: Any, data: Any) -> FastAPI:
    """Return the app.

    Args:
        session: The model, of one input and one output.
        items: How its batch nests, as a type.
        data: How `data` nests in an infer request.
    """
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    made = FastAPI()

    @made.post("/instances")
    async def instances(body: Instances[items]) -> Predictions[items]:
        batch = np.array(body.instances, np.float32)
        return Predictions[items](predictions=session.run(None, {name: batch})[0].tolist())

    @made.post("/inputs")
    async def inputs(body: Inputs[items]) -> Outputs[items]:
        batch = np.array(body.inputs, np.float32)
        return Outputs[items](outputs=session.run(None, {name: batch})[0].tolist())

    @made.post("/infer")
    async def infer(body: Infer[data]) -> Inferred:
        [tensor] = body.inputs
        batch = np.array(tensor.data, np.float32).reshape(tensor.shape)
        found = session.run(None, {tensor.name: batch})[0]
        answer = Tensor[list[float]](
            name=output, shape=list(found.shape), datatype="FP32", data=found.ravel().tolist()
        )
        return Inferred(model_name="model", outputs=[answer])

    return made
