"""Both protocols' JSON bodies as pydantic models, for a model of one input and one output.

`Items` is how the model's batch nests: `list[list[float]]` for rows.
"""

from typing import Generic, TypeVar

from pydantic import BaseModel

Items = TypeVar("Items")
ROWS = list[list[float]]
IMAGES = list[list[list[list[float]]]]
NESTINGS = {"rows": ROWS, "images": IMAGES}


class Instances(BaseModel, Generic[Items]):
    instances: Items


class Predictions(BaseModel, Generic[Items]):
    predictions: Items


class Inputs(BaseModel, Generic[Items]):
    inputs: Items


class Outputs(BaseModel, Generic[Items]):
    outputs: Items


class Tensor(BaseModel, Generic[Items]):
    name: str
    shape: list[int]
    datatype: str
    data: Items


class Infer(BaseModel, Generic[Items]):
    inputs: list[Tensor[Items]]


class Inferred(BaseModel):
    model_name: str
    outputs: list[Tensor[list[float]]]
