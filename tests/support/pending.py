"""What the independent clients ask for and do not get yet: one mark for each reason.

A mark is strict: a test that passes in spite of it fails the run, so that what was built loses its
mark. `grep -rn "pending.CONFIG" tests/clients` finds all that wait for one thing.
"""

from __future__ import annotations

import pytest


def _not_built(what: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(reason=f"{what}: not built yet", strict=True)


BF16 = _not_built("models with BF16 inputs and outputs")
CLASSIFICATION = _not_built("the classification parameter of a requested output")
CLASSIFY = _not_built(":classify")
COMPRESSION = _not_built("compressed requests and answers")
CONFIG = _not_built("GET /v2/models/{m}/config")
EXTENSIONS = _not_built("the extensions classification, model_configuration and statistics")
RAW = _not_built("raw binary requests")
REGRESS = _not_built(":regress")
STATISTICS = _not_built("GET /v2/models/{m}/stats")


def _refused(what: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(reason=f"Hearth refuses {what}", strict=True)


# kserve sends it beside `binary_data_size: 0`, and a null stands for a member that is not there.
DATA_NULL = _refused("'data': null")
# open-inference-openapi makes a float of every number and boolean: 7 goes as 7.0, true as 1.0.
WHOLE_FLOATS = _refused("7.0 as an integer and 1.0 as a boolean in Open Inference JSON")
