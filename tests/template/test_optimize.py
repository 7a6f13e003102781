"""What optimize is told by the template, and when it is called."""

from __future__ import annotations

from typing import Any


def test_optimize_knows_the_memory_size_of_predict(expanded: dict[str, Any]) -> None:
    """Variants are measured with as many threads as predictions have."""
    told = expanded["OptimizeFunction"]["Properties"]["Environment"]["Variables"]
    size = expanded["PredictFunction"]["Properties"]["MemorySize"]
    assert told["HEARTH_PREDICT_MEMORY_MB"] == str(size)


def test_optimize_hears_of_versions_of_its_own_bucket(expanded: dict[str, Any]) -> None:
    """Stacks of one account share a bus: the rule names the bucket that events are about."""
    pattern = expanded["OptimizeFunctionVersionAvailable"]["Properties"]["EventPattern"]
    assert pattern["source"] == ["hearth"]
    assert pattern["detail"] == {"bucket": [{"Ref": "ModelBucket"}]}
    assert set(pattern["detail-type"]) == {"Version Available", "Optimization Requested"}
