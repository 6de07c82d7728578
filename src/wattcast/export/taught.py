"""What states learn from their errors, in a graph: `runtime.taught` on the tensors of a state."""

from __future__ import annotations

import numpy as np

from wattcast.export.features import COUNTS, PHASE, Array, Days, State, level_of, of_phase, reach
from wattcast.features.signals import LEAST_LEVEL
from wattcast.nets.errors import Day, Learned, Said, bounded, heard, moved_quantiles, said_of
from wattcast.runtime.model import Model


def hear(model: Model, s: State, y: Array, days: Days) -> State:
    """The state with what readings teach, before they enter it.

    Args:
        model: whose state it is.
        s: before the reading.
        y: in the meters' units `[batch]`; NaN where missing.
        days: calendar around the first step ahead, once they have entered.
    """
    lay, (here, _), cal = model.grounds.layout, reach(model.grounds.layout), days.calendar

    def listen() -> list[Array]:
        slot, before, slots = cal[here - 1, PHASE], cal[here - 2, PHASE], np.arange(lay.day, dtype=np.int32)
        twice = (slot == lay.day - 1) & (before == slot)  # the last hour of a day of 25
        asked = (slot == slots) & (slots < lay.horizon) & ~twice
        basis, y64 = s["basis"], (y / s["scale"]).astype(np.float64)
        there, counts = np.isfinite(y64), basis > 0
        value = np.where(there, y64, 0.0) / np.where(counts, basis, 1.0)
        said, drift = s["said"].astype(np.float64), s["drift"].astype(np.float64)
        real = (there & counts)[:, None] & asked[None]
        day = Day(Said(*(said[:, k] for k in range(3))), value[:, None], real)
        known = heard(Learned(drift, s["bands_then"]), day, model.grounds.learning, lay)
        return [known.drift.astype(np.float32), s["bands"] + (known.bands - s["bands_then"])]

    # nothing was said before errors count, so there is nothing to hear
    after = cal.trace.when(cal[here - 1, COUNTS] > 0, listen, lambda: [s["drift"], s["bands"]])
    return s | dict(zip(("drift", "bands"), after, strict=True))


def say(model: Model, s: State, q: Array) -> State:
    """The state with what an advance says of its day, to be held against what comes.

    Args:
        model: whose state it is.
        s: after the advance.
        q: finished quantiles over the meters' scales `[batch, lead, quantile]`.
    """
    lay = model.grounds.layout
    now = level_of(lay, s)[:, 0]
    said: Array = np.stack(said_of(q[:, : lay.day], now, lay), axis=1)
    basis: Array = np.where((now > LEAST_LEVEL) & (s["count"] >= lay.history), now, 0.0)
    bands = bounded(Learned(s["drift"], s["bands"])).bands
    return s | {"said": said, "basis": basis.astype(np.float64), "bands": bands, "bands_then": bands}


def taught(model: Model, s: State, q: Array, days: Days) -> Array:
    """Finished quantiles over the meters' scales `[batch, lead, quantile]` with what the errors taught."""
    lay = model.grounds.layout
    phase = days.calendar[reach(lay)[0], PHASE]
    slot = of_phase(days, lay.order[:, : q.shape[1]] % lay.day, phase)
    learned = Learned(np.take(s["drift"], slot, axis=1), s["bands"].astype(np.float32))
    return moved_quantiles(q, learned, s["basis"].astype(np.float32), model.grounds.learning.gains(phase))
