"""Which signature of a model a TensorFlow Serving request means, and what it answers with."""

from __future__ import annotations

from hearth.domain.errors import SignatureMismatch
from hearth.domain.manifest import Manifest
from hearth.domain.signature import CLASSIFY, PREDICT, SignatureDef, TensorSpec

SIGNATURE_NAME = "serving_default"


def asked_for(manifest: Manifest, name: str, method: str) -> SignatureDef:
    """Return the signature of this name, to be asked by this method.

    A model that names none answers every method as `serving_default`: `classify` and `regress`
    with the one output that can be scores or values.

    Raises:
        SignatureMismatch: If there is none, it has another method, or the graph does not say
            which output is meant.
    """
    name = name or SIGNATURE_NAME
    found = manifest.signature_defs.get(name)
    # TensorFlow's own exporters call a signature by its method where it has no other name.
    if found is None and name not in (SIGNATURE_NAME, tf_method(method)):
        raise SignatureMismatch(
            f'Serving signature name: "{name}" not found in signature def',
            expected=", ".join(sorted({SIGNATURE_NAME, *manifest.signature_defs})),
        )
    if found is None:
        return _default(manifest, method)
    if found.method != method:
        raise SignatureMismatch(
            f"Expected {method} signature method_name to be {tf_method(method)}",
            got=tf_method(found.method),
        )
    return found


def tf_method(method: str) -> str:
    return f"tensorflow/serving/{method}"


def all_of(manifest: Manifest) -> dict[str, SignatureDef]:
    """Return every signature by name, the default one among them."""
    return {SIGNATURE_NAME: _default(manifest, PREDICT), **manifest.signature_defs}


def _default(manifest: Manifest, method: str) -> SignatureDef:
    outputs = manifest.signature.outputs
    if method == PREDICT:
        return SignatureDef(PREDICT, tuple(spec.name for spec in outputs))
    ranks = (1, 2) if method == CLASSIFY else (0, 1, 2)
    fitting = [spec.name for spec in outputs if _is_float(spec) and _has_rank(spec, ranks)]
    if len(fitting) != 1:
        raise SignatureMismatch(
            f"which output :{method} should answer with is not clear",
            got=f"{len(fitting)} float outputs of rank 1 or 2: {fitting}",
            expected="one",
            remedy="publish the model with --signatures, which names it",
        )
    return SignatureDef(method, (fitting[0],))


def _is_float(spec: TensorSpec) -> bool:
    return spec.datatype in ("FP16", "FP32", "FP64")


def _has_rank(spec: TensorSpec, ranks: tuple[int, ...]) -> bool:
    return not spec.ranked or len(spec.shape) in ranks
