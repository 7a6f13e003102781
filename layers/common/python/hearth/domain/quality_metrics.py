"""Names of quality metrics: what thresholds may speak of, and what reports tell."""

from __future__ import annotations

from hearth.domain.monitoring import CLASSIFICATION, RANKING, REGRESSION

# How many of the best items of a ranking are looked at. A record holds ten of them.
CUTS = (1, 5, 10)

METRICS = {
    CLASSIFICATION: (
        "accuracy",
        "balanced_accuracy",
        *(f"{name}_{mean}" for name in ("precision", "recall", "f1")
          for mean in ("micro", "macro", "weighted")),
        "log_loss",
        "brier_score",
        "roc_auc",
        "expected_calibration_error",
    ),
    REGRESSION: ("mae", "rmse", "bias", "r2", "mape"),
    RANKING: ("mrr", *(f"{name}@{cut}" for name in ("hit_rate", "ndcg") for cut in CUTS)),
}  # fmt: skip
OF_CLASSES = ("precision", "recall", "f1")


def is_metric(name: str, task: str) -> bool:
    """Return whether a name is that of a metric of a task: of all rows, a class, or a slice.

    Args:
        name: `accuracy`; `f1[3]` of a class; `accuracy@region=eu` of a slice.
        task: `classification`, `regression` or `ranking`.

    Example:
        >>> is_metric("recall[cat]", "classification"), is_metric("ndcg@5@region=eu", "ranking")
        (True, True)
        >>> is_metric("acuracy", "classification"), is_metric("accuracy", "regression")
        (False, False)
    """
    metric, bracket, _ = name.partition("[")
    if bracket and task == CLASSIFICATION and name.endswith("]") and metric in OF_CLASSES:
        return True
    return name in METRICS[task] or sliced(name, task) != ""


def sliced(name: str, task: str) -> str:
    """Return the slice that a metric's name speaks of; empty for none.

    Example:
        >>> sliced("ndcg@5@region=eu", "ranking"), sliced("ndcg@5", "ranking")
        ('region=eu', '')
    """
    for metric in METRICS[task]:
        if name.startswith(f"{metric}@") and "=" in name:
            return name[len(metric) + 1 :]
    return ""
