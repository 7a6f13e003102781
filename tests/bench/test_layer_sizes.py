"""How large the layers are that Lambda unpacks; builds them, so it wants wheels from somewhere."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hearth_local import template
from support.sam import ENVIRONMENT, LAYERS, ROOT, size_mb

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

TABLE = ROOT / "tests/bench/results/layers.md"
MOST_MB = 230  # of the 250 that Lambda unpacks, a function's own code included
MOST_OF_PREDICT_MB = (110, 40)  # unpacked and zipped: a cold start fetches and unpacks all of it


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float]]:
    """MB of each layer, unpacked and zipped."""
    folder = tmp_path_factory.mktemp("layers")
    found = {name: _measure(name, folder / name) for name in LAYERS}
    TABLE.write_text(_table(found), encoding="utf-8")
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return found


def _measure(name: str, folder: Path) -> tuple[float, float]:
    artifacts = folder / "artifacts"
    shutil.copytree(ROOT / "layers" / name, folder / "source")
    artifacts.mkdir()
    command = ["make", "--makefile", str(ROOT / "infra/bundle/Makefile"), f"build-{LAYERS[name]}"]
    environment = ENVIRONMENT | {"ARTIFACTS_DIR": str(artifacts)}
    subprocess.run(command, cwd=folder / "source", env=environment, check=True)
    zipped = shutil.make_archive(str(folder / "layer"), "zip", artifacts)
    return size_mb(artifacts), Path(zipped).stat().st_size / 2**20


def _functions() -> list[template.Function]:
    return list(template.load(ROOT / "template.yaml").functions)


def _table(sizes: dict[str, tuple[float, float]]) -> str:
    rows = [(name, "", *of) for name, of in sizes.items()]
    for function in _functions():
        names = [layer.name for layer in function.layers]
        unpacked, zipped = (sum(sizes[name][i] for name in names) for i in (0, 1))
        rows.append((f"**{function.title}**", " + ".join(names), unpacked, zipped))
    lines = ["| layer, **function** | layers | unpacked, MB | zipped, MB |", "|---|---|---|---|"]
    lines += [f"| {name} | {layers} | {a:.0f} | {b:.0f} |" for name, layers, a, b in rows]
    return "\n".join(lines) + "\n"


def test_layers_of_each_function_fit_into_lambda(sizes: dict[str, tuple[float, float]]) -> None:
    """A function's layers unpack to less than 230 MB."""
    for function in _functions():
        assert sum(sizes[layer.name][0] for layer in function.layers) < MOST_MB, function.title


def test_layers_of_predict_are_small(sizes: dict[str, tuple[float, float]]) -> None:
    """Predict's layers unpack to less than 110 MB, and are sent as less than 40 MB."""
    [predict] = [function for function in _functions() if function.title == "predict"]
    for form, most in enumerate(MOST_OF_PREDICT_MB):
        assert sum(sizes[layer.name][form] for layer in predict.layers) < most
