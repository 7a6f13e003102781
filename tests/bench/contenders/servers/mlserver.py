"""A custom runtime of MLServer: Open Inference's protocol, tensors by its codec."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from onnxruntime import InferenceSession


class Digits(MLModel):
    async def load(self) -> bool:
        self._session = InferenceSession(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        [output] = self._session.run(None, {"pixels": rows})
        outputs = [NumpyCodec.encode_output("logits", output)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
