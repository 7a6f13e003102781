"""How near a regression was: sums over rows with their true values, and metrics of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hearth.monitoring.join import Sample

# A percentage of almost nothing says nothing: the mean of 1/|y| is at most so many times 1/mean.
_MOST_UNEVEN = 10.0


@dataclass(slots=True)
class Output:
    """Sums of one output's rows.

    Args:
        rows: Rows.
        error: Predicted minus true.
        absolute: Absolute errors.
        squared: Squared errors.
        mean: Of the true values.
        spread: Squared differences of the true values from their mean.
        size: Absolute true values.
        inverse: One over absolute true values.
        relative: Absolute errors over absolute true values.
        negative: True values below 0.
        zero: True values of 0.
    """

    rows: int = 0
    error: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    size: float = 0.0
    inverse: float = 0.0
    relative: float = 0.0
    negative: int = 0
    zero: int = 0

    def add(self, true: float, predicted: float) -> None:
        error = predicted - true
        away, size = abs(error), abs(true)
        self.rows += 1
        self.error += error
        self.absolute += away
        self.squared += error * error
        # Welford's update: sums of squares would cancel where values are far from 0.
        moved = true - self.mean
        self.mean += moved / self.rows
        self.spread += moved * (true - self.mean)
        self.size += size
        if size:
            self.inverse += 1 / size
            self.relative += away / size
        else:
            self.zero += 1
        self.negative += true < 0

    def __add__(self, other: Output) -> Output:
        rows = self.rows + other.rows
        if not rows:
            return Output()
        apart = other.mean - self.mean
        return Output(
            rows,
            self.error + other.error,
            self.absolute + other.absolute,
            self.squared + other.squared,
            (self.mean * self.rows + other.mean * other.rows) / rows,
            self.spread + other.spread + apart * apart * self.rows * other.rows / rows,
            self.size + other.size,
            self.inverse + other.inverse,
            self.relative + other.relative,
            self.negative + other.negative,
            self.zero + other.zero,
        )


@dataclass(slots=True)
class Sums:
    """Sums over rows: one `Output` an output of the model.

    Args:
        outputs: By place.
        rows: Rows, those without a finite prediction as well.
        requests: Requests that they come from.
        lost: Rows whose prediction is not finite.
    """

    outputs: list[Output] = field(default_factory=list)
    rows: int = 0
    requests: int = 0
    lost: int = 0
    _last: int = -1

    def add(self, sample: Sample) -> None:
        """Count one row; rows of a request follow one another."""
        self.rows += 1
        if sample.request != self._last:
            self.requests += 1
            self._last = sample.request
        predicted = sample.outcome.scores or ()
        if not all(map(math.isfinite, predicted)):
            self.lost += 1
            return
        while len(self.outputs) < len(predicted):
            self.outputs.append(Output())
        for output, true, value in zip(self.outputs, sample.answer, predicted, strict=False):
            output.add(true, value)  # type: ignore[arg-type]

    def __add__(self, other: Sums) -> Sums:
        width = max(len(self.outputs), len(other.outputs))
        return Sums(
            [_at(self, place) + _at(other, place) for place in range(width)],
            self.rows + other.rows,
            self.requests + other.requests,
            self.lost + other.lost,
        )


def _at(sums: Sums, place: int) -> Output:
    return sums.outputs[place] if place < len(sums.outputs) else Output()


def figures(sums: Sums) -> dict[str, float]:
    """Return every metric that can be told; of several outputs, the mean of each one's.

    They are scikit-learn's. A mean absolute percentage error is told only where it is honest: all
    true values on one side of 0, and none so near to it that it decides alone.
    """
    outputs = [output for output in sums.outputs if output.rows]
    if not outputs:
        return {}
    made = {
        "mae": _mean([one.absolute / one.rows for one in outputs]),
        "rmse": _mean([math.sqrt(one.squared / one.rows) for one in outputs]),
        "bias": _mean([one.error / one.rows for one in outputs]),
    }
    if all(one.spread > 0 for one in outputs):
        made["r2"] = _mean([1 - one.squared / one.spread for one in outputs])
    if all(map(_honest, outputs)):
        made["mape"] = _mean([one.relative / one.rows for one in outputs])
    return made


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _honest(output: Output) -> bool:
    if output.zero or output.negative not in (0, output.rows):
        return False
    return output.inverse * output.size <= _MOST_UNEVEN * output.rows * output.rows
