"""The document that makes a version exist. It never changes once written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from pathlib import PurePosixPath
from typing import Any

from hearth.domain.errors import InvalidDocument, InvalidName
from hearth.domain.frozen import dataclass
from hearth.domain.identity import digest, model_name, version
from hearth.domain.monitoring import NOT_WATCHED, Monitoring
from hearth.domain.monitoring import from_document as monitoring_from_document
from hearth.domain.signature import Signature, SignatureDef, TensorSpec

SCHEMA = "hearth.manifest/1"

MODEL, EXTERNAL_DATA, GOLDEN, EVALUATION, REFERENCE, BASELINE, SAVED_GRAPH = (
    "model",
    "external_data",
    "golden",
    "evaluation",
    "reference",  # rows that a baseline was made of
    "baseline",
    "saved_graph",  # and its weights: what ONNX Runtime left for one family of processors
)
PUBLISHED, OPTIMIZED = "published", "optimized"  # origins
METRICS = ("accuracy", "f1_macro", "log_loss", "rmse", "mae", "r2")
ROLES = (MODEL, EXTERNAL_DATA, GOLDEN, EVALUATION, REFERENCE, BASELINE, SAVED_GRAPH)


@dataclass(frozen=True, slots=True)
class ArtefactFile:
    """One file of a version.

    Args:
        path: Where it lies in the version's folder: relative, with no `..` in it.
        sha256: Its digest, which names its blob.
        size: Bytes.
        role: One of `ROLES`.
    """

    path: str
    sha256: str
    size: int
    role: str

    def __post_init__(self) -> None:
        digest(self.sha256)
        parts = PurePosixPath(self.path).parts
        if not parts or ".." in parts or parts[0] == "/" or "\\" in self.path or "\0" in self.path:
            raise InvalidDocument(
                "a file's path leaves the version's folder",
                got=repr(self.path),
                expected="a relative path without '..'",
            )
        if self.role not in ROLES or self.size < 0:
            raise InvalidDocument(
                f"file {self.path!r} is not well described",
                got=f"role {self.role!r}, size {self.size}",
                expected=f"a role of {', '.join(ROLES)} and a size of at least 0",
            )


@dataclass(frozen=True, slots=True)
class GoldenCases:
    """How the golden file is to be judged.

    Args:
        path: The .npz file: arrays named `<case>/inputs/<name>` and `<case>/outputs/<name>`.
        count: Cases in it.
        origin: `given` by the publisher, or `generated` by running the model at publication.
        rtol: Relative tolerance, as in numpy.isclose.
        atol: Absolute tolerance.
    """

    path: str
    count: int
    origin: str
    rtol: float = 1e-3
    atol: float = 1e-5


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How ONNX Runtime opens the model; 0 threads means: as many as the memory size gives."""

    intra_op_num_threads: int = 0
    inter_op_num_threads: int = 0
    graph_optimization_level: str = "all"
    execution_mode: str = "sequential"
    session_config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedGraph:
    """The model as ONNX Runtime optimised it ahead, with weights laid out for some processors.

    Anywhere else it may be slow, wrong or fatal: there the portable model is opened.

    Args:
        path: The file; any other file of role `saved_graph` holds weights of it.
        processor: Family of processors that it was saved for and may be opened on.
        onnxruntime: Version that saved it and may open it.
        runtime: How it is opened.
    """

    path: str
    processor: str
    onnxruntime: str
    runtime: RuntimeOptions


@dataclass(frozen=True, slots=True)
class Opening:
    """One way to open a version.

    Args:
        file: What ONNX Runtime reads.
        runtime: How.
        roles: Of the files that must lie in its folder.
        size: Bytes of those.
    """

    file: ArtefactFile
    runtime: RuntimeOptions
    roles: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much worse a faster variant may be.

    Args:
        metric: What is compared on the evaluation set; "" for accuracy of a classification, and
            the root mean square error of a regression.
        max_loss: Relative to the original's value: 0.01 is one per cent of it.
    """

    metric: str = ""
    max_loss: float = 0.01

    def __post_init__(self) -> None:
        if self.metric not in ("", *METRICS) or not 0 <= self.max_loss < 1:
            raise InvalidDocument(
                "the tolerance of variants is not usable",
                got=f"metric {self.metric!r}, max_loss {self.max_loss}",
                expected=f"a metric of {', '.join(METRICS)}, and a loss from 0 to under 1",
            )


@dataclass(frozen=True, slots=True)
class Lineage:
    """How an optimised version was made of its parent.

    Args:
        recipes: In their order.
        objective: What it was chosen by.
        processor: What it was measured on: architecture and instruction sets.
        seed: Of what was drawn at random.
        tools: Versions of what made it.
        figures: What was measured: ratios to the parent, and losses.
        report: Key of the report.
    """

    recipes: tuple[str, ...]
    objective: str
    processor: str
    seed: int
    tools: Mapping[str, str]
    figures: Mapping[str, float]
    report: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a version came from; `origin` is `published` or `optimized`.

    `lineage` says of an optimised version how it was made of its `parent`.
    """

    created_at: str
    created_by: str
    tool: str
    origin: str = PUBLISHED
    parent: int = 0
    onnx: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    model: str
    version: int
    files: tuple[ArtefactFile, ...]
    signature: Signature
    golden: GoldenCases
    runtime: RuntimeOptions
    provenance: Provenance
    class_labels: tuple[str, ...] = ()
    signature_defs: Mapping[str, SignatureDef] = field(default_factory=dict)
    monitoring: Monitoring = NOT_WATCHED
    tolerance: Tolerance = Tolerance()
    saved_graph: SavedGraph | None = None
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        model_name(self.model)
        version(self.version)
        paths = [file.path for file in self.files]
        models = [file.path for file in self.files if file.role == MODEL]
        if len(set(paths)) != len(paths) or len(models) != 1 or self.golden.path not in paths:
            raise InvalidDocument(
                f"manifest of {self.model} version {self.version} does not hang together",
                got=f"files {paths}, models {models}, golden {self.golden.path!r}",
                expected="distinct paths, one model, the golden file among them",
            )
        saved = [file.path for file in self.of_role(SAVED_GRAPH)]
        if (self.saved_graph.path not in saved) if self.saved_graph else saved:
            raise InvalidDocument(
                f"manifest of {self.model} version {self.version} has no such saved graph",
                got=f"{self.saved_graph}, files {saved}",
                expected="its file, and none where no saved graph is described",
            )
        outputs = {spec.name for spec in self.signature.outputs}
        for name, definition in self.signature_defs.items():
            if not name or not outputs.issuperset(definition.outputs):
                raise InvalidDocument(
                    f"signature {name!r} names an output that the model does not have",
                    got=list(definition.outputs),
                    expected=sorted(outputs),
                )

    def of_role(self, *roles: str) -> tuple[ArtefactFile, ...]:
        return tuple(file for file in self.files if file.role in roles)

    @property
    def model_file(self) -> ArtefactFile:
        return self.of_role(MODEL)[0]

    @property
    def servable_size(self) -> int:
        """Bytes that must lie on disk to open the portable model."""
        return self.portable.size

    @property
    def portable(self) -> Opening:
        """The model itself, which any processor and ONNX Runtime may open."""
        return self._opening(self.model_file, self.runtime, (MODEL, EXTERNAL_DATA))

    def opening(self, processor: str, onnxruntime: str) -> Opening:
        """Return what is opened on a family of processors by a version of ONNX Runtime.

        The saved graph, where both are those that saved it; it is refused everywhere else.
        """
        saved = self.saved_graph
        if saved is None or (saved.processor, saved.onnxruntime) != (processor, onnxruntime):
            return self.portable
        [file] = (file for file in self.of_role(SAVED_GRAPH) if file.path == saved.path)
        return self._opening(file, saved.runtime, (SAVED_GRAPH,))

    def _opening(
        self, file: ArtefactFile, runtime: RuntimeOptions, roles: tuple[str, ...]
    ) -> Opening:
        return Opening(file, runtime, roles, sum(file.size for file in self.of_role(*roles)))


def to_document(manifest: Manifest) -> dict[str, Any]:
    return asdict(manifest)


def from_document(document: Mapping[str, Any]) -> Manifest:
    """Return the manifest in a document that load-and-warm has validated before.

    Predict reads its manifests here: no pydantic on that path.

    Raises:
        InvalidDocument: If the schema is another one or a field is missing.
    """
    if document.get("schema") != SCHEMA:
        raise InvalidDocument(
            "manifest has an unknown schema",
            got=document.get("schema"),
            expected=SCHEMA,
            remedy="deploy a Hearth that knows this schema, or publish the model again",
        )
    try:
        return Manifest(
            model=document["model"],
            version=document["version"],
            files=tuple(ArtefactFile(**file) for file in document["files"]),
            signature=Signature(
                inputs=_specs(document["signature"]["inputs"]),
                outputs=_specs(document["signature"]["outputs"]),
            ),
            golden=GoldenCases(**document["golden"]),
            runtime=RuntimeOptions(**document["runtime"]),
            provenance=_provenance(document["provenance"]),
            class_labels=tuple(document["class_labels"]),
            signature_defs={
                name: SignatureDef(found["method"], tuple(found["outputs"]))
                for name, found in document.get("signature_defs", {}).items()
            },
            monitoring=monitoring_from_document(document.get("monitoring", {})),
            tolerance=Tolerance(**document.get("tolerance", {})),
            saved_graph=_saved_graph(document.get("saved_graph")),
        )
    except (KeyError, TypeError, AttributeError, InvalidName) as error:
        raise InvalidDocument(
            "manifest is not complete",
            got=f"{type(error).__name__}: {error}",
            expected=SCHEMA,
        ) from error


def _provenance(document: Mapping[str, Any]) -> Provenance:
    lineage = document.get("lineage")
    if lineage is None:
        return Provenance(**document)
    made = Lineage(**{**lineage, "recipes": tuple(lineage["recipes"])})
    return Provenance(**{**document, "lineage": made})


def _saved_graph(document: Mapping[str, Any] | None) -> SavedGraph | None:
    if document is None:
        return None
    return SavedGraph(**{**document, "runtime": RuntimeOptions(**document["runtime"])})


def _specs(documents: Iterable[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name=spec["name"],
            datatype=spec["datatype"],
            shape=tuple(spec["shape"]),
            dims=tuple(spec["dims"]),
            optional=spec.get("optional", False),
            ranked=spec.get("ranked", True),
        )
        for spec in documents
    )
