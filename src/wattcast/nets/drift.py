"""How far a network was off of late at each slot of the day, added to what it says next.

Load drifts away from what was learned: panels come onto roofs, a factory leaves, a summer is hotter than those before.
The weights stay, and the errors of the forecasts made at each advance are smoothed, a number a slot and meter, as the
level and season beside the network of ES-RNN are (Smyl 2020). How much of the drift is added is chosen on the
validation tail: all of it for a grid, none for a household, whose errors have no habit.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from wattcast.features.layout import Layout

#: Advances after which an error counts half as much.
HALF_LIFE = 7.0
#: Largest error over the level that counts: one odd day, or a meter's first, must not last for weeks.
LARGEST = 0.5
#: Gains that are tried.
GAINS = (0.0, 0.25, 0.5, 0.75, 1.0)


def drifts(
    missed: Float[Array, "advance meter slot"], real: Bool[Array, "advance meter slot"], every: int = 1
) -> Float[Array, "advance meter slot"]:
    """Drift as it was known at each advance, relative to the level.

    Args:
        missed: what came on the day after each advance less the median said for it, relative to the level.
        real: whether it came.
        every: advances from one row to the next.
    """

    def on(drift: Array, day: tuple[Array, Array]) -> tuple[Array, Array]:
        return moved(drift, *day, every), drift

    return jax.lax.scan(on, jnp.zeros(missed.shape[1:], missed.dtype), (missed, real))[1]


def moved(drift: Any, missed: Any, real: Any, every: int = 1) -> Any:
    """Drift after one more error of each; where there was none it stays."""
    return drift + (1 - 0.5 ** (every / HALF_LIFE)) * (missed.clip(-LARGEST, LARGEST) - drift) * real


def has_drift(lay: Layout) -> bool:
    """Whether a layout's forecasts can be held against what came by the next advance."""
    return lay.stride > 1 and lay.gap == 0
