"""What a model takes and gives: names, datatypes and shapes."""

from __future__ import annotations

from collections.abc import Sequence

from hearth.domain.datatype import BY_NAME, Datatype
from hearth.domain.errors import InvalidDocument, SignatureMismatch
from hearth.domain.frozen import dataclass

DYNAMIC = -1

PREDICT, CLASSIFY, REGRESS = "predict", "classify", "regress"
METHODS = (PREDICT, CLASSIFY, REGRESS)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    Args:
        name: The graph's name for it.
        datatype: Open Inference name (`FP32`, ...).
        shape: One number a dimension, -1 where it is dynamic.
        dims: The symbolic name of each dimension, or "" where it has none. Two dimensions of
            one name must agree in a request.
        optional: An input that the graph has a default for: a request may leave it out.
        ranked: False where the graph says nothing of the shape: any is admitted.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    dims: tuple[str, ...] = ()
    optional: bool = False
    ranked: bool = True

    def __post_init__(self) -> None:
        if self.datatype not in BY_NAME:
            raise InvalidDocument(
                f"tensor {self.name!r} has an unknown datatype",
                got=self.datatype,
                expected="one of " + ", ".join(BY_NAME),
            )
        if not self.dims:
            object.__setattr__(self, "dims", ("",) * len(self.shape))

    @property
    def type(self) -> Datatype:
        return BY_NAME[self.datatype]

    def admits(self, shape: Sequence[int]) -> bool:
        if not self.ranked:
            return True
        if len(shape) != len(self.shape):
            return False
        for want, got in zip(self.shape, shape, strict=True):  # noqa: SIM110 (a generator is slow)
            if want not in (got, DYNAMIC):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def required(self) -> tuple[TensorSpec, ...]:
        """The inputs that every request must bring."""
        if not any(spec.optional for spec in self.inputs):
            return self.inputs
        return tuple(spec for spec in self.inputs if not spec.optional)

    @property
    def batched(self) -> bool:
        """Whether the first dimension of tensors counts examples.

        It does where it is dynamic in an input, and where it is one number in all tensors, none of
        which is a mere vector. Else the model takes one example at a time.
        """
        required = self.required or self.inputs
        if any(not spec.ranked or spec.shape[:1] == (DYNAMIC,) for spec in required):
            return True
        specs = (*required, *self.outputs)
        return all(len(s.shape) > 1 for s in specs) and len({s.shape[0] for s in specs}) == 1

    def input(self, name: str) -> TensorSpec:
        return _named(self.inputs, name, "input")

    def output(self, name: str) -> TensorSpec:
        return _named(self.outputs, name, "output")


@dataclass(frozen=True, slots=True)
class SignatureDef:
    """A named way of asking a model, as TensorFlow's SavedModel has it.

    Args:
        method: One of `METHODS`.
        outputs: Names of the outputs that it answers with. `classify`: the scores, and behind them
            the class labels if the graph gives them; `regress`: the values.
    """

    method: str
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        most = {PREDICT: len(self.outputs), CLASSIFY: 2, REGRESS: 1}.get(self.method, 0)
        if not 1 <= len(self.outputs) <= most:
            raise InvalidDocument(
                "a signature is not well described",
                got=f"method {self.method!r} with {len(self.outputs)} outputs",
                expected="predict with some, classify with scores (and labels), regress with one",
            )


def _named(specs: tuple[TensorSpec, ...], name: str, kind: str) -> TensorSpec:
    for spec in specs:
        if spec.name == name:
            return spec
    raise SignatureMismatch(
        f"the model does not have named {kind}: {name}",
        expected=[spec.name for spec in specs],
        remedy=f"name one of the model's {kind}s",
    )
