"""Networks for whole sequences. Many-to-one: a window of readings gives one value."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from wattcast.nets.stack import Stack


class ManyToOne(eqx.Module):
    """A recurrent stack over a window; a linear layer on its last output.

    Attributes:
        stack: the recurrent layers.
        w: `[hidden]`, and `b`: the linear layer.
    """

    stack: Stack
    w: Float[Array, " hidden"]
    b: Float[Array, ""]

    def __init__(self, stack: Stack, key: PRNGKeyArray):
        hidden = stack.cells[-1].hidden
        self.stack = stack
        self.w = jax.nn.initializers.glorot_uniform()(key, (hidden, 1), jnp.float32)[:, 0]
        self.b = jnp.zeros(())

    def __call__(
        self, windows: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, " batch"]:
        """One value a window; `key` turns dropout on."""
        hs, _ = self.stack.scan(windows, self.stack.initial_state(windows.shape[1]), key)
        return hs[-1] @ self.w + self.b
