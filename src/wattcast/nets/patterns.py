"""Networks for whole sequences: many-to-one (a window gives one value), many-to-many in step (a value a reading)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from wattcast.nets.stack import Stack, States


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


class InStep(eqx.Module):
    """Many-to-many in step: a linear layer on the output after every reading.

    Attributes:
        stack: the recurrent layers.
        w: `[hidden, outputs]`, and `b`: the linear layer.
    """

    stack: Stack
    w: Float[Array, "hidden outputs"]
    b: Float[Array, " outputs"]

    def __init__(self, stack: Stack, outputs: int, key: PRNGKeyArray):
        self.stack = stack
        self.w = jax.nn.initializers.glorot_uniform()(key, (stack.cells[-1].hidden, outputs), jnp.float32)
        self.b = jnp.zeros(outputs)

    def scan(
        self, xs: Float[Array, "time batch inputs"], states: States, key: PRNGKeyArray | None = None
    ) -> tuple[Float[Array, "time batch outputs"], States]:
        """Values after every step from given states, and the last states; `key` turns dropout on."""
        hs, states = self.stack.scan(xs, states, key)
        return hs @ self.w + self.b.reshape(1, 1, -1), states

    def __call__(
        self, xs: Float[Array, "time batch inputs"], key: PRNGKeyArray | None = None
    ) -> Float[Array, "time batch outputs"]:
        """The same from zero states."""
        return self.scan(xs, self.stack.initial_state(xs.shape[1]), key)[0]
