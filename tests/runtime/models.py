"""Models of random weights for the live path, made without JAX so that a product of them is cheap."""

from datetime import UTC

import numpy as np

from wattcast.features.layout import layout
from wattcast.features.signals import scaling, sizes
from wattcast.nets.errors import can_learn
from wattcast.nets.file import VERSION
from wattcast.nets.linear import linear_size
from wattcast.runtime import model_of

GATES = {"elman": 1, "gru": 3, "lstm": 4}


def stored_model(panel, *, horizon=24, weekly=True, cell="gru", hidden=(4,), members=1, loss="pinball", **settings):
    """Arrays and header as a model file has them."""
    gap, meters, known = settings.get("gap", 0), len(panel.ids), len(panel.names)
    lay = layout(day=panel.day, horizon=horizon, weekly=weekly, gap=gap)
    (features, local, outputs), decoder, rng = sizes(lay, known), 3, np.random.default_rng(1)
    params, width, last = 3 if loss == "pinball" else 1, hidden[0], hidden[-1]
    shapes = {
        "meters": (meters + 1 if meters > 1 else 0, width), "centre": (features,), "embed": (features, width),
        "embed_bias": (width,), "from_state": (last, decoder), "from_input": (width, decoder),
        "from_local": (local, decoder), "slot": (outputs, decoder), "out": (decoder, params),
        "bias": (outputs, params), "direct": (last, outputs * params), "skip": (2, features, outputs),
    }  # fmt: skip
    for k, here in enumerate(hidden):
        wide = GATES[cell] * here
        of = {
            "w": (hidden[max(k - 1, 0)], wide),
            "u": (here, wide),
            "b": (wide,),
            "bn": (here if wide == 3 * here else 0,),
        }
        shapes |= {f"stack/cells/{k}/weights/{name}": shape for name, shape in of.items()}
    if loss == "pinball":
        shapes |= {"head/below": (5,), "head/above": (5,)}
    spread = {name: 0.3 / np.sqrt(max(shape[0], 1) if len(shape) > 1 else 1) for name, shape in shapes.items()}
    spread |= {"skip": 0.3 / np.sqrt(features)}
    tensors = {
        f"network/{name}": rng.normal(0, spread[name], (members, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    tensors["network/spread"] = rng.uniform(0.5, 1.5, (members, features)).astype(np.float32)
    scale = scaling(panel)
    tensors |= {f"scaling/{k}": getattr(scale, k) for k in ("meter", "mean", "std", "hinges")}
    wide = linear_size(lay, known)
    tensors["linear/weights"] = rng.normal(0, 0.1 / np.sqrt(max(wide, 1)), (meters + 1, wide, outputs)).astype(
        np.float32
    )
    if wide:
        onward = rng.normal(0, 0.1 / np.sqrt(lay.history), (lay.history, horizon - gap))
        tensors["linear/between"] = onward.astype(np.float32)
    else:
        tensors["linear/weights"] = np.zeros((0, 0, 0), np.float32)
    tensors["calibration"] = np.linspace(0.8, 1.2, 11)
    since = panel.time((panel.length // panel.day // 2) * panel.day).replace(tzinfo=UTC)
    given = {"country": None, "at": "00:00:00"} | settings
    header = {
        "version": VERSION,
        "settings": given | {"horizon": horizon, "gap": gap, "known": list(panel.names), "cell": cell,
                             "hidden": list(hidden), "decoder": decoder, "members": members, "loss": loss},
        "layout": {"day": panel.day, "gap": gap, "horizon": horizon, "weekly": weekly, "yearly": True,
                   "habits": lay.habits},
        "linear_share": 0.4 if wide else 0.0,
        "between_share": 0.3 if wide else 0.0,
        "learning": {"gain": 0.5, "rate": 0.25, "since": since.isoformat()} if can_learn(lay) else None,
        "ids": list(panel.ids),
        "step_seconds": panel.step.total_seconds(),
        "zone": panel.zone,
        "unit": "kW",
        "about": {"issued": panel.known_from is not None},
    }  # fmt: skip
    return tensors, header


def model(panel, **settings):
    """The same, ready."""
    return model_of(*stored_model(panel, **settings))


def covariates(panel, t, horizon):
    """Rows from step `t` on as they were known when that step was over, `[meter, row, covariate]`; None without."""
    if not panel.names:
        return None
    rows = panel.covariates[t : t + horizon + 2 * panel.day + 2]
    if panel.known_from is not None:
        rows = np.where((panel.known_from[t : t + len(rows)] <= t + 1)[..., None], rows, np.nan)
    return rows.swapaxes(0, 1)


def streamed(model, states, panel, first, last):
    """States after readings `first` .. `last - 1`, one by one."""
    from wattcast import runtime

    for t in range(first, last):
        states = runtime.advance(model, states, panel.y[t], known=covariates(panel, t, model.grounds.layout.horizon))
    return states


def off(found, wanted):
    """Greatest difference over the mean size of what is wanted, by meter."""
    size = np.abs(wanted).mean(axis=(-2, -1), keepdims=True)
    return float((np.abs(found - wanted) / size).max())
