"""A custom runtime of MLServer: Open Inference's protocol, tensors by its codec."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from onnxruntime import InferenceSession


class Served(MLModel):
    async def load(self) -> bool:
        self._session = InferenceSession(self.settings.parameters.uri)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        batch = NumpyCodec.decode_input(payload.inputs[0])
        [output] = self._session.run(None, {self._input: batch})
        outputs = [NumpyCodec.encode_output(self._output, output)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
