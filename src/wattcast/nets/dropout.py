"""Dropout (Srivastava 2014) that draws a byte a number, not a word as `jax.random.bernoulli` does.

Random words cost as much as a layer: of the chapter's epoch, .14 s of .65 s.
"""

from __future__ import annotations

from math import prod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray


def kept(key: PRNGKeyArray, share: float, shape: tuple[int, ...]) -> Bool[Array, "*shape"]:
    """What stays where `share` is dropped, to the nearest 256th."""
    count = prod(shape)
    words = jax.random.bits(key, (-(-count // 4),), jnp.uint32)
    drawn = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(-1)[:count].reshape(shape)
    return drawn >= _of_bytes(share)


def dropped(x: Array, share: float, key: PRNGKeyArray) -> Array:
    """`x` with a share of its numbers at zero, and the others larger by as much as keeps the mean."""
    return jnp.where(kept(key, share, x.shape), x * (256 / (256 - _of_bytes(share))), 0.0)


def _of_bytes(share: float) -> int:
    return round(256 * share)
