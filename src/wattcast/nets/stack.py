"""Recurrent layers on top of each other, with dropout between them and residual links where sizes allow."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from wattcast.kernels.reference import State
from wattcast.nets.cells import CELLS, AbstractCell
from wattcast.nets.dropout import dropped
from wattcast.nets.newer import NEWER

States = tuple[State, ...]


class Stack(eqx.Module):
    """Layers of one cell; layer k reads the output of layer k - 1.

    Attributes:
        cells: the layers, first to last.
        dropout: share of the outputs between layers that training sets to zero.
        residual: adds a layer's input to its output where both have the same size.
    """

    cells: tuple[AbstractCell[Any], ...]
    dropout: float = eqx.field(static=True)
    residual: bool = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        key: PRNGKeyArray,
        *,
        cell: str = "gru",
        dropout: float = 0.0,
        residual: bool = True,
    ):
        sizes = (inputs, *hidden)
        keys = jax.random.split(key, len(hidden))
        kind = (CELLS | NEWER)[cell]
        self.cells = tuple(kind(i, h, k) for i, h, k in zip(sizes, hidden, keys, strict=False))
        self.dropout = dropout
        self.residual = residual

    def initial_state(self, *batch: int) -> States:
        """Zeros for every layer."""
        return tuple(cell.initial_state(*batch) for cell in self.cells)

    def scan(
        self,
        xs: Float[Array, "time batch inputs"],
        states: States,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "time batch hidden"], States]:
        """Outputs of the last layer after every step, and the last states. `key` turns dropout on."""
        keys = [None] * len(self.cells) if key is None else list(jax.random.split(key, len(self.cells)))
        last = []
        for cell, state, k in zip(self.cells, states, keys, strict=True):
            hs, state = cell.scan(xs, state)  # noqa: PLW2901
            xs = self._join(xs, hs, k)
            last.append(state)
        return xs, tuple(last)

    def step(self, x: Float[Array, "*batch inputs"], states: States) -> tuple[Float[Array, "*batch hidden"], States]:
        """The same for one input."""
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            state = cell.step(x, state)  # noqa: PLW2901
            x = self._join(x, state.h, None)
            after.append(state)
        return x, tuple(after)

    def _join(self, x: Array, h: Array, key: PRNGKeyArray | None) -> Array:
        if key is not None and self.dropout > 0:
            h = dropped(h, self.dropout, key)
        return x + h if self.residual and x.shape[-1] == h.shape[-1] else h
