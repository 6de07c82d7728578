"""How finely a network looks at day profiles: readings of one part of the day share their weights while it learns.

What a home does from one half hour to the next is chance, and a weight a reading learns it by heart. Trained with the
weights of a part tied, the network is one of full size all the same: files, live states and graphs know nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from wattcast.features.layout import PARTS, Layout

#: Roughness from which profiles are rough: homes have 1.0 to 1.1, clients of a grid .7, transformers .4 to .5, whole
#: grids .1 to .25.
ROUGH = 0.4


@dataclass(frozen=True)
class Coarse:
    """Which features share weights.

    Attributes:
        profiles: features at the start of what the network sees that are day profiles.
        each: neighbours among them that have one weight.
    """

    profiles: int
    each: int

    def tied(self, params: Any) -> Any:
        """Weights of a network of full size, members stacked -> one for every `each`, which acts on their mean."""
        return self._with(params, self._sums)

    def whole(self, params: Any) -> Any:
        """Back to full size: the same network where it came from there tied."""
        return self._with(params, self._shares)

    def is_tied(self, params: Any) -> bool:
        """Whether the weights of a network of full size are already alike."""
        here, back = params, self.whole(self.tied(params))
        return all(
            np.allclose(a, b, rtol=1e-4, atol=1e-7) for a, b in zip(on_inputs(here), on_inputs(back), strict=True)
        )

    def _with(self, params: Any, change: Any) -> Any:
        if self.each == 1:
            return params
        return eqx.tree_at(on_inputs, params, tuple(change(a) for a in on_inputs(params)))

    def _sums(self, a: Array) -> Array:
        parts = a[..., : self.profiles, :].reshape(*a.shape[:-2], self.profiles // self.each, self.each, a.shape[-1])
        return jnp.concatenate([parts.sum(-2), a[..., self.profiles :, :]], axis=-2)

    def _shares(self, a: Array) -> Array:
        parts = self.profiles // self.each
        return jnp.concatenate(
            [jnp.repeat(a[..., :parts, :] / self.each, self.each, axis=-2), a[..., parts:, :]], axis=-2
        )


def on_inputs(params: Any) -> tuple[Any, Any]:
    """The weights on what the network sees, its features the last axis but one."""
    return params.embed, params.skip


def coarse(y: NDArray[np.float64], lay: Layout) -> Coarse:
    """By the rule: what is rough in `PARTS` parts a day, other profiles as they are.

    Args:
        y: readings of the training part `[time, meter]`, NaN where missing.
        lay: what the network looks at.
    """
    profiles = lay.recent.shape[1] + lay.lags.shape[1] + lay.outputs
    rough = lay.stride > 1 and lay.day > PARTS and lay.day % PARTS == 0 and roughness(y, lay.day) > ROUGH
    return Coarse(profiles, lay.day // PARTS if rough else 1)


def roughness(y: NDArray[np.float64], day: int) -> float:
    """How much what is new since a week before changes from one reading to the next: 0 smooth, 1.4 white noise.

    Mean |change| over mean |size|, the median over meters; 0 where there is no week to compare with.
    """
    new = y[7 * day :] - y[: -7 * day]
    seen = np.isfinite(new)
    size = np.where(seen, np.abs(new), 0.0).sum(0) / np.maximum(seen.sum(0), 1)
    change = np.diff(new, axis=0)
    both = np.isfinite(change)
    change = np.where(both, np.abs(change), 0.0).sum(0) / np.maximum(both.sum(0), 1)
    heard = size > 0
    return float(np.median(change[heard] / size[heard])) if heard.any() else 0.0
