"""Trains the digits networks and writes them as ONNX: python tests/models/train_torch.py [name ...].

Needs torch 2.13.0 (the CPU build is enough) beside the project's own onnx, onnxruntime and
scikit-learn; nothing else of Hearth does, so torch is no dependency of the project.
"""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import catalogue
import onnx
import torch
from data import Split, digits
from torch import Tensor, nn

SEED = 7
BATCH = 64
OPSET = 17
FOLDER = Path(__file__).parent
log = logging.getLogger("train_torch")


class Residual(nn.Module):
    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv(channels_in, channels, 3, stride), nn.ReLU(), *_conv(channels, channels, 3)
        )
        same = channels_in == channels and stride == 1
        self.skip = (
            nn.Identity() if same else nn.Sequential(*_conv(channels_in, channels, 1, stride))
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.skip(x))


class Recurrent(nn.Module):
    """Reads an image row by row and judges by the state that the last row leaves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        _, (state, _) = self.rows(x.transpose(0, 1))
        return self.head(state[0])


def _conv(
    channels_in: int, channels: int, size: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv = nn.Conv2d(
        channels_in, channels, size, stride, padding=size // 2, groups=groups, bias=False
    )
    return conv, nn.BatchNorm2d(channels)


def _head(channels: int) -> tuple[nn.Module, ...]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)


def residual_net() -> nn.Module:
    return nn.Sequential(
        *_conv(1, 64, 3),
        nn.ReLU(),
        Residual(64, 64, 1),
        Residual(64, 64, 1),
        Residual(64, 128, 2),
        Residual(128, 128, 1),
        Residual(128, 128, 1),
        *_head(128),
    )


def depthwise_net() -> nn.Module:
    layers: list[nn.Module] = [*_conv(1, 32, 3), nn.ReLU()]
    for before, after, stride in (
        (32, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
    ):
        layers += [*_conv(before, before, 3, stride, groups=before), nn.ReLU()]
        layers += [*_conv(before, after, 1), nn.ReLU()]
    return nn.Sequential(*layers, *_head(256))


def recurrent_net() -> nn.Module:
    return Recurrent(352)


def dense_net() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 192), nn.ReLU(), nn.Linear(192, 10)
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    build: Callable[[], nn.Module]
    input: str
    sample: tuple[int, ...]
    epochs: int
    rate: float


RECIPES = {
    "digits_conv": Recipe(residual_net, "image", (1, 8, 8), epochs=20, rate=0.003),
    "digits_depthwise": Recipe(depthwise_net, "image", (1, 8, 8), epochs=40, rate=0.004),
    "digits_lstm": Recipe(recurrent_net, "rows", (8, 8), epochs=40, rate=0.003),
    "digits_mlp": Recipe(dense_net, "pixels", (64,), epochs=40, rate=0.003),
}


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    for name in names or RECIPES:
        recipe, path = RECIPES[name], FOLDER / f"{name}.onnx"
        torch.manual_seed(SEED)
        model = recipe.build()
        train(name, model, recipe, digits().shaped(*recipe.sample))
        export(model, recipe, path)
        entry = catalogue.describe(path, "digits", "classification", Path(__file__).name)
        catalogue.record(entry)
        log.info("%s: held-out accuracy %.4f, %d bytes", name, entry.metric.value, entry.bytes)


def train(name: str, model: nn.Module, recipe: Recipe, split: Split) -> None:
    x, y = torch.from_numpy(split.train_x), torch.from_numpy(split.train_y)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.05)
    steps = recipe.epochs * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps)
    model.train()
    for epoch in range(1, recipe.epochs + 1):
        total = 0.0
        for rows in _batches(len(x)):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        log.info("%s: epoch %d of %d, loss %.4f", name, epoch, recipe.epochs, total / len(x))


def _batches(count: int) -> Iterator[Tensor]:
    yield from torch.randperm(count).split(BATCH)


def export(model: nn.Module, recipe: Recipe, path: Path) -> None:
    """Write the model for any batch size, in one file.

    The exporter that torch calls legacy is asked for: the new one notes, in each node, the source
    lines and folders of the machine that it ran on.
    """
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            model.eval(),
            (torch.zeros(2, *recipe.sample),),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[recipe.input],
            output_names=["logits"],
            dynamic_axes={recipe.input: {0: "batch"}, "logits": {0: "batch"}},
        )
    onnx.save(_without_first_state(onnx.load(path)), path)


def _without_first_state(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop the zeros that an LSTM is handed to start from, which it does without them too."""
    for node in model.graph.node:
        if node.op_type == "LSTM":
            del node.input[4:]
    wanted = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    return model


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
