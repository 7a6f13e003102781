"""What of a version is opened here: on this processor, by this ONNX Runtime."""

from __future__ import annotations

from hearth.domain.manifest import Manifest, Opening


def openings(manifest: Manifest) -> tuple[Opening, ...]:
    """Return what may be opened here, the best first and the portable model last.

    A version without a saved graph pays nothing: the processor is not even looked at, and ONNX
    Runtime need not be there.
    """
    portable = manifest.portable
    if manifest.saved_graph is None:
        return (portable,)
    from hearth.serving.processor import family
    from hearth.serving.session import ONNXRUNTIME

    best = manifest.opening(family(), ONNXRUNTIME)
    return (portable,) if best == portable else (best, portable)
