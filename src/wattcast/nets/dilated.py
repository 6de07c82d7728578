"""Dilated layers: a cell that is linked to its state some steps back, not to the last one (Chang 2017)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from wattcast.kernels.reference import DilatedState, Weights
from wattcast.nets.cells import AbstractCell
from wattcast.nets.stack import Stack


class Dilated(AbstractCell[DilatedState]):
    """A cell that steps on from the state `dilation` steps before.

    A sequence falls into `dilation` threads that know nothing of each other; they run as rows of one batch, so a
    sequence costs `time / dilation` steps of the cell's own kernel.

    Attributes:
        cell: the cell of every thread.
        dilation: steps from one state to the next of its thread, 1 or more.
    """

    cell: AbstractCell[Any]
    dilation: int = eqx.field(static=True)

    def __init__(self, cell: AbstractCell[Any], dilation: int):
        if dilation < 1:
            raise ValueError(f"A dilation must be 1 or more, got {dilation}.")
        self.cell = cell
        self.dilation = dilation

    @property  # type: ignore[misc]  # an AbstractVar may be a property, which mypy does not know
    def weights(self) -> Weights:  # type: ignore[override]
        """Of the cell."""
        return self.cell.weights

    @property  # type: ignore[misc]
    def hidden(self) -> int:  # type: ignore[override]
        """Of the cell."""
        return self.cell.hidden

    def initial_state(self, *batch: int) -> DilatedState:
        """Zeros."""
        past = self.cell.initial_state(self.dilation, *batch)
        return DilatedState(jnp.zeros((*batch, self.hidden)), past)

    def step(self, x: Float[Array, "*batch inputs"], state: DilatedState) -> DilatedState:
        """One step, of the thread that waits longest."""
        after = self.cell.step(x, jax.tree.map(lambda a: a[0], state.past))
        past = jax.tree.map(lambda old, new: jnp.concatenate([old[1:], new[None]]), state.past, after)
        return DilatedState(after.h, past)

    def scan(
        self, xs: Float[Array, "time batch inputs"], state: DilatedState
    ) -> tuple[Float[Array, "time batch hidden"], DilatedState]:
        """A sequence: whole rounds of all threads, then one step of those that are left."""
        full = len(xs) - len(xs) % self.dilation
        hs, past = self._rounds(xs[:full], state.past) if full else (xs[:0, :, :0], state.past)
        if full == len(xs):
            return hs, DilatedState(hs[-1], past)
        rest, due = len(xs) - full, len(xs) - full
        few, after = self._rounds(xs[full:], jax.tree.map(lambda a: a[:due], past))
        past = jax.tree.map(lambda old, new: jnp.concatenate([old[rest:], new]), past, after)
        return (jnp.concatenate([hs, few]) if full else few), DilatedState(few[-1], past)

    def _rounds(self, xs: Array, past: Any) -> tuple[Array, Any]:
        """Steps of all threads in `past`, which share out `xs` in turn."""
        threads, batch = past.h.shape[:2]
        rows = xs.reshape(-1, threads * batch, xs.shape[-1])
        hs, last = self.cell.scan(rows, jax.tree.map(lambda a: a.reshape(-1, a.shape[-1]), past))
        return hs.reshape(-1, batch, self.hidden), jax.tree.map(lambda a: a.reshape(threads, batch, -1), last)


def dilated(stack: Stack, dilations: tuple[int, ...]) -> Stack:
    """The stack with its layers dilated, one number a layer; Chang 2017 takes 1, 2, 4, and on.

    Raises:
        ValueError: as many numbers as layers are needed, each 1 or more.
    """
    if len(dilations) != len(stack.cells):
        raise ValueError(f"A stack of {len(stack.cells)} layers needs as many dilations, got {dilations}.")
    cells = tuple(Dilated(cell, d) for cell, d in zip(stack.cells, dilations, strict=True))
    return eqx.tree_at(lambda s: s.cells, stack, cells)
