"""Networks that tests share: small, seeded, and not trained where training is not the question."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from wattcast.features.layout import layout
from wattcast.features.panel import Panel
from wattcast.features.signals import scaling
from wattcast.nets.errors import Learning, can_learn
from wattcast.nets.forecaster import Forecaster, NetworkSettings, build, with_rules
from wattcast.nets.linear import LinearPath, linear_size, no_path

SMALL = {"hidden": (4,), "decoder": 3, "members": 1}


def untrained(
    panel: Panel, *, horizon: int = 24, weekly: bool = True, fortnight: bool = True, seed: int = 0, **settings
) -> Forecaster:
    """A forecaster of random weights, none of them zero, so that all it looks at shows in what it says."""
    lay = layout(day=panel.day, horizon=horizon, weekly=weekly, gap=settings.get("gap", 0), fortnight=fortnight)
    net = with_rules(NetworkSettings(horizon=horizon, known=panel.names, **SMALL | settings), lay)
    rng = np.random.default_rng(seed)
    arrays, rest = eqx.partition(build(net, lay, len(panel.ids), jax.random.key(seed)), eqx.is_array)
    arrays = jax.tree.map(lambda a: a + jnp.asarray(rng.normal(0, 0.05, a.shape), a.dtype), arrays)
    network = eqx.combine(arrays, rest)
    linear, features = no_path(), linear_size(lay, len(panel.names))
    if features:  # a matrix a meter and one for all others
        weights = rng.normal(0, 0.1 / np.sqrt(features), (len(panel.ids) + 1, features, lay.outputs))
        onward = rng.normal(0, 0.1 / np.sqrt(lay.history), (lay.history, lay.horizon - lay.gap))
        linear = LinearPath(weights.astype(np.float32), 0.4, onward.astype(np.float32), 0.3)
    learning = Learning(0.5, 0.25, panel.start, 0.25) if can_learn(lay) else Learning()
    factors, about = np.linspace(0.8, 1.2, 11), {"from": "x"}
    return Forecaster(
        network, net, lay, scaling(panel), linear, factors, learning, panel.ids, panel.step, panel.zone, "kW", about
    )
