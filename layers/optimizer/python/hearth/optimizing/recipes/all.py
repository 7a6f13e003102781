"""Every recipe there is, by name."""

from __future__ import annotations

from hearth.optimizing.recipe import Recipe, RecipeFailed
from hearth.optimizing.recipes.blocks import INT4_BLOCKS, INT8_BLOCKS
from hearth.optimizing.recipes.external_data import EXTERNAL_DATA
from hearth.optimizing.recipes.fp16 import FP16
from hearth.optimizing.recipes.fusion import FUSION
from hearth.optimizing.recipes.graph import GRAPH
from hearth.optimizing.recipes.int8_dynamic import INT8_DYNAMIC, INT8_DYNAMIC_MATMUL
from hearth.optimizing.recipes.int8_static import (
    INT8_STATIC,
    INT8_STATIC_CHANNEL,
    INT8_STATIC_ENTROPY,
    INT8_STATIC_PERCENTILE,
)
from hearth.optimizing.recipes.int8_static_mixed import INT8_STATIC_MIXED
from hearth.optimizing.recipes.pruning import PRUNING
from hearth.optimizing.recipes.saved_graph import SAVED_GRAPH
from hearth.optimizing.recipes.threads import THREADS_1

RECIPES: tuple[Recipe, ...] = (
    GRAPH,
    FUSION,
    INT8_DYNAMIC_MATMUL,
    INT8_DYNAMIC,
    INT8_BLOCKS,
    INT4_BLOCKS,
    INT8_STATIC,
    INT8_STATIC_CHANNEL,
    INT8_STATIC_PERCENTILE,
    INT8_STATIC_ENTROPY,
    INT8_STATIC_MIXED,
    FP16,
    PRUNING,
    EXTERNAL_DATA,
    SAVED_GRAPH,
    THREADS_1,
)
BY_NAME = {recipe.name: recipe for recipe in RECIPES}


def named(name: str) -> Recipe:
    """Return a recipe.

    Raises:
        RecipeFailed: If there is none of that name.
    """
    if name not in BY_NAME:
        raise RecipeFailed("there is no such recipe", got=name, expected=", ".join(BY_NAME))
    return BY_NAME[name]
