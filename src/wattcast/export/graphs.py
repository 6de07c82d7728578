"""The two graphs of a model: `step` takes one more reading of each meter, `prime` the whole past; both forecast."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from wattcast.export.features import (
    COUNTS,
    PHASE,
    Array,
    Days,
    State,
    appended,
    inputs,
    learned,
    level_of,
    of_phase,
    reach,
)
from wattcast.export.state import ANCHORS, LEARNED, NUMBERS, tensors_of
from wattcast.export.taught import hear, say, taught
from wattcast.export.trace import Trace
from wattcast.nets.linear import blended, linear_features
from wattcast.runtime import network
from wattcast.runtime.model import Member, Model
from wattcast.schema import QUANTILES

#: Before the names of the tensors that a graph gives for the next `step`.
NEXT = "next_"


def step_graph(model: Model, metadata: dict[str, str]) -> Any:
    """State, one reading of each meter -> state, and a forecast where it is asked for.

    Args:
        model: what is exported.
        metadata: texts that travel with it.

    Raises:
        ReadingsError: it is larger than a file of ONNX can be.
    """
    trace = Trace()
    held = {name: trace.input(name, t.dtype, ("batch", *t.shape), t.about) for name, t in tensors_of(model).items()}
    y = trace.input("y", np.float32, ("batch",), f"readings{_unit(model)}, NaN where missing")
    days = _days(trace, model, reach(model.grounds.layout)[0] + reach(model.grounds.layout)[1])
    rows = _rows(trace, model, "from the interval that was read on")
    asked = trace.input("forecast", bool, (), "whether quantiles are worked out")
    s = _advanced(model, _unpacked(held), y, days, rows)
    none = trace.constant(np.zeros((1, 0, len(QUANTILES)), np.float32))

    def nothing() -> list[Array]:
        return [none.over("batch", 0, len(QUANTILES))]

    (q,) = trace.when(asked, lambda: [_forecast(model, s, days)], nothing)
    return trace.model("step", _outputs(model, s, q), metadata)


def prime_graph(model: Model, metadata: dict[str, str]) -> Any:
    """The readings of each meter from the first on -> state and forecast; arguments and errors as `step_graph`."""
    trace, lay = Trace(), model.grounds.layout
    y = trace.input("y", np.float32, ("batch", "time"), f"readings{_unit(model)} in order, NaN where missing")
    who = trace.input("who", np.int32, ("batch",), "place of the meter among the trained ones, their number for others")
    days = _days(trace, model, "steps")
    covariates = _by_turn(trace, model)
    by_time = trace.op("Transpose", y, dtype=y.dtype, shape=("time", "batch"), perm=[1, 0])

    def near(turn: Array) -> Days:
        return Days(*(None if a is None else trace.rows(a, turn, sum(reach(lay)), axis=0) for a in days))

    def read(turn: Array, s: State) -> State:
        return _advanced(model, s | fixed, np.take(by_time, turn, axis=0), near(turn), covariates(turn))

    s = _first(trace, model, y, who)
    fixed = {name: s.pop(name) for name in ("who", "scale")}
    times = trace.size("time")[0]
    s = trace.loop(times, s, read) | fixed
    return trace.model("prime", _outputs(model, s, _forecast(model, s, near(times - 1))), metadata)


def _unit(model: Model) -> str:
    return f" [{model.unit}]" if model.unit else ""


def _days(trace: Trace, model: Model, steps: int | str) -> Days:
    about = "second of the local day, weekday (0 Monday), day of the year (0 first), phase"
    learns = model.record.kind.learns
    about += ", whether errors of forecasts from then on count" * learns
    found = trace.input("calendar", np.int32, (steps, 4 + learns), about)
    if model.country is None:
        return Days(found, None)
    return Days(found, trace.input("holiday", bool, (steps, "columns"), "public holidays, one column or one a meter"))


def _rows(trace: Trace, model: Model, which: str) -> Array | None:
    if not model.known:
        return None
    about = f"{', '.join(model.known)} {which}, NaN where not known"
    return trace.input("covariates", np.float32, ("batch", "rows", len(model.known)), about)


def _by_turn(trace: Trace, model: Model) -> Callable[[Array], Array | None]:
    """The inputs of `prime` about covariates -> rows from each reading on, as they were known then."""
    rows, count = _rows(trace, model, "from the first reading on, at least `time` rows"), 1 + model.record.after
    if rows is None:
        return lambda turn: None
    padded = _padded(rows, np.nan, count)
    if not model.issued:
        return lambda turn: trace.rows(padded, turn, count, axis=1)
    about = "how many readings there were when a row became known"
    since = _padded(trace.input("known_from", np.int32, ("batch", "rows"), about), 0, count)

    def known(turn: Array) -> Array:
        there = trace.rows(since, turn, count, axis=1) <= (turn + 1).astype(np.int32)
        return np.where(there[..., None], trace.rows(padded, turn, count, axis=1), np.nan)

    return known


def _padded(rows: Array, value: float, more: int) -> Array:
    """Further rows that say nothing, so that there are some after the last reading."""
    lone: Array = rows.trace.constant(np.full((1, more, *rows.shape[2:]), value), rows.dtype)
    return np.concatenate([rows, lone.over("batch", *lone.shape[1:])], axis=1)


def _unpacked(held: State) -> State:
    """Single values of each meter by name, beside the larger tensors."""
    fields = {name: held["counts"][:, k] for k, name in enumerate(NUMBERS)}
    fields |= {name: held["anchors"][:, k] for k, name in enumerate(ANCHORS)}
    return fields | {name: a for name, a in held.items() if name not in ("counts", "anchors")}


def _packed(model: Model, s: State) -> State:
    both = {"counts": [s[name] for name in NUMBERS], "anchors": [s[name] for name in ANCHORS]}
    return {name: np.stack(both[name], axis=1) if name in both else s[name] for name in tensors_of(model)}


def _first(trace: Trace, model: Model, y: Array, who: Array) -> State:
    """The state before any reading. Of meters that were not trained on the first readings tell the scale."""
    s = {
        name: trace.constant(np.full((1, *t.shape), np.nan if name == "known" else 0, t.dtype)).over("batch", *t.shape)
        for name, t in tensors_of(model).items()
    }
    history = model.grounds.layout.history
    early = trace.op("Slice", y, *(trace.constant([k], np.int64) for k in (0, history, 1)), dtype=y.dtype,
                     shape=("batch", "early"))  # fmt: skip
    seen = np.isfinite(early)
    count = np.maximum(seen.astype(np.float32).sum(axis=1), 1.0)
    size = np.where(seen, np.abs(early), 0.0).sum(axis=1) / count
    size = np.where(trace.size("time") < history, np.nan, np.where(size > 0, size, 1.0))
    trained = np.append(model.grounds.scaling.meter, 1.0)
    scale = np.take(trace.constant(trained, np.float32), who, axis=0)
    return _unpacked(s) | {"who": who, "scale": np.where(who < len(trained) - 1, scale, size)}


def _advanced(model: Model, s: State, y: Array, days: Days, rows: Array | None) -> State:
    """As `runtime.advance`."""
    lay, trace, learns = model.grounds.layout, days.calendar.trace, model.record.kind.learns
    s = appended(lay, hear(model, s, y, days) if learns else s, y)
    if rows is not None:
        s["known"] = learned(model, s["known"], rows)
    changed = [name for name in ("recurrent", "output", "moved") if name in s]

    def move() -> list[Array]:
        after = _moved(model, s, days)
        return [after[name] for name in changed]

    if lay.stride == 1:
        return s | dict(zip(changed, move(), strict=True))
    now = days.calendar[reach(lay)[0]]
    s |= dict(zip(changed, trace.when(now[PHASE] == 0, move, lambda: [s[name] for name in changed]), strict=True))
    if not learns:
        return s

    def speak() -> list[Array]:
        after = say(model, s, _said(model, s, days, begins=True))
        return [after[name] for name in told]

    told = [name for name in LEARNED if name != "drift"]
    speaks = (now[PHASE] == 0) & (now[COUNTS] > 0)
    return s | dict(zip(told, trace.when(speaks, speak, lambda: [s[name] for name in told]), strict=True))


def _moved(model: Model, s: State, days: Days) -> State:
    """One advance of the recurrent state, of meters with enough history."""
    x, _, _ = inputs(model, s, days)
    outputs, states = [], []
    for k, member in enumerate(_members(model, x)):
        e = network.encode(member, x, s["who"])
        h, state = network.step(model, member, e, s["recurrent"][:, k])
        outputs.append(h)
        states.append(state)
    ready = s["count"] >= model.grounds.layout.history
    after: State = {"recurrent": np.stack(states, axis=1)}
    if "output" in s:
        after["output"] = np.stack(outputs, axis=1)
    found = {name: np.where(ready[:, None, None], a, s[name]) for name, a in after.items()}
    return found | {"moved": s["moved"] + ready.astype(np.int32)}


def _members(model: Model, x: Array) -> list[Member]:
    """Networks whose table of meters can be looked up in the graph."""
    return [m._replace(meters=x.trace.constant(m.meters)) for m in model.members]


def _forecast(model: Model, s: State, days: Days) -> Array:
    """As `runtime.predict` `[batch, step, quantile]`; NaN for a meter with too little history."""
    lay, q = model.grounds.layout, _said(model, s, days)
    if model.record.kind.learns:
        q = taught(model, s, q, days)
    told = (s["heard"] > 0) & (s["moved"] > 0) & (s["count"] >= lay.needed)
    return np.where(told[:, None, None], q * s["scale"][:, None, None], np.nan)


def _said(model: Model, s: State, days: Days, *, begins: bool = False) -> Array:
    """Finished quantiles over the meters' scales, before errors teach anything `[batch, step, quantile]`.

    `begins`: it is known that a day does.
    """
    lay, trace = model.grounds.layout, days.calendar.trace
    x, local, level = inputs(model, s, days)
    phase = days.calendar[reach(lay)[0], PHASE]
    if lay.stride == 1 or begins:
        q = _decoded(model, s, x, local, between=False)
    else:
        (q,) = trace.when(
            phase == 0,
            lambda: [_decoded(model, s, x, local, between=False)],
            lambda: [_between(model, s, days, _decoded(model, s, x, local, between=True))],
        )
    if lay.stride > 1:
        order = lay.order[:, lay.gap : lay.horizon]
        q = np.take(q, of_phase(days, order, phase), axis=1)
    q = (q + 1) * level[..., None]
    middle = q[..., len(QUANTILES) // 2, None]
    return np.sort(middle + (q - middle) * model.grounds.calibration.astype(np.float32), axis=-1)


def _decoded(model: Model, s: State, x: Array, local: Array, *, between: bool) -> Array:
    """Quantiles over the level `[batch, output, quantile]`, less 1."""
    said: list[Any] = []
    for k, member in enumerate(_members(model, x)):
        if "output" in s:
            h = s["output"][:, k]
        else:
            h = network.output(member, network.encode(member, x, s["who"]), s["recurrent"][:, k])
        said.append(network.decode(model, member, h, x, local, s["who"], between))
    q, path = reduce(add, said) / len(said), model.grounds.linear
    if path.share == 0 or between:
        return q
    features = linear_features(x, local, model.grounds.layout, len(model.known))
    if len(path.weights) == 1:
        return blended(q, features @ path.weights[0], np.float32(path.share))
    own = np.take(x.trace.constant(path.weights), s["who"], axis=0)
    return blended(q, (features[:, None] @ own)[:, 0], np.float32(path.share))


def _between(model: Model, s: State, days: Days, q: Array) -> Array:
    """The same with the linear path between two advances (nets/between.py)."""
    lay, path, y = model.grounds.layout, model.grounds.linear, s["readings"]
    if path.share_between == 0:
        return q
    past = y[:, y.shape[1] - len(path.between) :] / level_of(lay, s) - 1.0
    targets = of_phase(days, lay.targets, days.calendar[reach(lay)[0], PHASE])
    lead = np.clip(targets - lay.gap, 0, path.between.shape[1] - 1)
    return blended(q, np.take(past @ path.between, lead, axis=1), np.float32(path.share_between))


def _outputs(model: Model, s: State, q: Array) -> dict[str, tuple[Array, str]]:
    held, about = _packed(model, s), tensors_of(model)
    lay = model.grounds.layout
    said = f"forecast{_unit(model)} of the steps {lay.gap + 1} to {lay.horizon} ahead; NaN with too little history"
    return {NEXT + name: (held[name], about[name].about) for name in about} | {"quantiles": (q, said)}
