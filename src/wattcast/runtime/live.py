"""advance, predict: one reading into held states, and what they say comes after the last one.

That is what `forecast.predict` says from the whole past, whichever way a state came about. The native library does both
where it is there, NumPy elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.signals import Signals, inputs
from wattcast.nets.between import between_medians
from wattcast.nets.linear import blended, linear_features
from wattcast.runtime import record as rec
from wattcast.runtime.answer import check_horizon, finished
from wattcast.runtime.clock import Block, When, microseconds
from wattcast.runtime.model import Model
from wattcast.runtime.network import decode, encode, move, output
from wattcast.runtime.record import MeterState
from wattcast.runtime.taught import hear, say, taught
from wattcast.runtime.window import standard, window
from wattcast.schema import QUANTILES, Forecast, NotReady, ReadingsError

#: Meters that NumPy works on at once, so that arrays stay in the cache.
TOGETHER = 256
_NONE = np.zeros(1, np.int64)


def advance(  # noqa: PLR0913  (named)
    model: Model,
    states: MeterState,
    y: Any,
    *,
    when: When | None = None,
    known: Any = None,
    out: MeterState | None = None,
) -> MeterState:
    """The states after one more reading of each meter.

    Args:
        model: whose states they are.
        states: one record `[]` or many `[meter]`.
        y: the reading in the meter's unit, or one each `[meter]`; NaN where it is missing.
        when: start of the interval that was read [UTC]; None: the one after the last. Intervals between count as
            missing.
        known: covariates as they are known now, a row a step, from the interval that was read on: `[row, covariate]`
            or `[meter, row, covariate]`; NaN where not known. What was known before stays known.
        out: `states` itself to change them in place, for millions of them; else they stay as they are.

    Returns:
        Records of the same shape, all at the same moment.

    Raises:
        ReadingsError: states of another model; a time off the grid of a meter, or one that was read already.
    """
    check_states(model, states)
    after = _own(model, states) if out is None else out.reshape(-1)
    if not after.flags.c_contiguous:  # the library takes records that lie one behind the other
        after[:] = advance(model, after, y, when=when, known=known)
        return after
    y = np.asarray(y, np.float64)
    y = y.reshape(1) if y.size == len(after) == 1 else np.ascontiguousarray(np.broadcast_to(y, after.shape))
    now, behind = _behind(model, after, when)
    for k in () if behind is _NONE else range(int(behind.max()), 0, -1):
        late = np.flatnonzero(behind >= k)
        some = after[late]
        _take(model, some, np.full(len(late), np.nan), None, now - k * model.step)
        after[late] = some
    z = None if known is None or not model.known else _rows(model, known, len(after))
    _take(model, after, y, z, now)
    return after.reshape(states.shape)


def _own(model: Model, states: MeterState) -> MeterState:
    """A copy `[meter]`."""
    return np.asarray(states).reshape(-1).view(model.record.bytes).copy().view(model.record.dtype)


def _take(model: Model, states: MeterState, y: NDArray[np.float64], z: NDArray[np.float32] | None, when: int) -> None:
    """One reading of each meter, of the interval from `when` on, and an advance where it is time; in place."""
    block, row = model.clock.block(when + model.step)
    native, learning = model.native, model.grounds.learning
    if learning.since is not None:
        hear(model, states, y, block, row - 1)
    if native is not None and block.moves[row] and z is None:
        native.advance(model, states, y, block, row)
    else:
        _append(model, states, y, z)
        if block.moves[row]:
            _moved(model, states, block, row)
    if block.moves[row] and learning.since is not None and when + model.step >= microseconds(learning.since):
        for part in _parts(len(states), TOGETHER):
            some, day = states[part], min(model.grounds.layout.day, model.grounds.layout.horizon)
            say(model, some, _said(model, some, block, row, day))
            states[part] = some


def _append(model: Model, states: MeterState, y: NDArray[np.float64], z: NDArray[np.float32] | None) -> None:
    """A reading of each meter, and covariates as they are known from it on; in place."""
    if model.native is not None:
        model.native.append(states, y)
    else:
        rec.append(model.record, states, y)
    if z is not None:
        rec.learn(model.record, states, z, -1)


def _moved(model: Model, states: MeterState, block: Block, row: int) -> None:
    """One advance of the states that are ready for it; in place."""
    if model.native is not None:
        model.native.advance(model, states, None, block, row)
        return
    due = np.flatnonzero(states["count"] >= model.grounds.layout.history)
    for part in (due[rows] for rows in _parts(len(due), TOGETHER)):
        some = states[part]
        t, m = np.full(len(some), model.record.window), np.arange(len(some))
        move(model, some, inputs(window(model, some, block, row), model.grounds.layout, t, m)[0])
        states[part] = some


def predict(model: Model, states: MeterState, known: Any = None, horizon: int | None = None) -> Forecast:
    """What follows the last reading of held states.

    Args:
        model: whose states they are.
        states: one record `[]` or many `[meter]`, all at the same moment.
        known: covariates of the steps ahead as they are known now: `[row, covariate]` or `[meter, row, covariate]`;
            what `advance` was told counts as well.
        horizon: steps ahead, at most the trained ones.

    Raises:
        ReadingsError: states of another model or of several moments, or a horizon beyond the trained one.
        NotReady: a state has seen too little.
    """
    check_states(model, states)
    lay, many = model.grounds.layout, np.ascontiguousarray(states).reshape(-1)
    horizon = lay.horizon if horizon is None else horizon
    check_horizon(lay, horizon)
    when, _ = _behind(model, many, None)
    if rec.least(many["count"]) < lay.needed or rec.least(many["moved"]) < 1:
        raise NotReady(f"The forecast needs {lay.needed} readings before it, a state has {many['count'].min()}.")
    block, row = model.clock.block(when)
    z = None if known is None or not model.known else _rows(model, known, len(many))
    out = np.empty((len(many), horizon - lay.gap, len(QUANTILES)))
    learns, together = model.grounds.learning.since is not None, TOGETHER
    if model.native is not None and z is None and not learns:
        together = len(many)
    for part in _parts(len(many), together):
        some = many[part]
        if z is not None:
            some = some.copy()
            rec.learn(model.record, some, z[part], 0)
        out[part] = _said(model, some, block, row, horizon)
        if learns:
            out[part] = taught(model, some, block, row, out[part])
    ds = (np.arange(lay.gap, horizon) * model.step + when).view("M8[us]")
    return Forecast(out.reshape(*states.shape, *out.shape[1:]), ds, np.datetime64(when - model.step, "us"))


def _parts(count: int, together: int) -> Iterator[slice]:
    return (slice(first, first + together) for first in range(0, count, together))


def _said(model: Model, states: MeterState, block: Block, row: int, horizon: int) -> NDArray[np.float64]:
    """Quantiles in the unit of the readings `[meter, horizon - gap, quantile]`, before errors teach anything."""
    lay, phase = model.grounds.layout, block.phase[row : row + 1]
    if model.native is not None:
        out = np.empty((len(states), horizon - lay.gap, len(QUANTILES)))
        model.native.predict(model, states, block, row, out)
        return out
    origin = np.full(len(states), model.record.window)
    q = decoded(model, window(model, states, block, row), origin, states, between=not block.moves[row])
    q = finished(q[None], lay, phase, horizon, model.grounds.calibration)[0]
    return np.where(states["heard"][:, None, None] > 0, q * states["scale"][:, None, None], np.nan)


def decoded(model: Model, s: Signals, t: NDArray[np.int_], states: MeterState, *, between: bool) -> NDArray[np.float64]:
    """Quantiles over the meters' scales from an origin of each `[meter, output, quantile]`, unfinished.

    Args:
        model: whose states they are.
        s: signals.
        t: origins, one and the same moment `[meter]`.
        states: at the last advance before it `[meter]`.
        between: whether the origin lies after it.
    """
    lay, m = model.grounds.layout, np.arange(len(states))
    x, local = inputs(s, lay, t, m)
    said = []
    for k, member in enumerate(model.members):
        if lay.stride > 1:
            h = states["output"][:, k]
        else:
            h = output(member, encode(member, x, s.who), states["state"][:, k])
        said.append(decode(model, member, h, x, local, s.who, between))
    quantiles = np.mean(said, axis=0, dtype=np.float32)
    path = model.grounds.linear
    if between and path.share_between > 0:
        medians = between_medians(path.between, s, lay, t, m)
        quantiles = blended(quantiles, medians, np.float32(path.share_between))
    if path.share > 0 and not between:
        features = linear_features(x, local, lay, len(model.known))
        weights = path.weights[np.minimum(s.who, len(path.weights) - 1)]
        medians = np.matmul(features[:, None], weights)[:, 0]
        quantiles = blended(quantiles, medians, np.float32(path.share))
    return ((quantiles + 1) * s.level[t, m][:, None, None]).astype(np.float64)


def restored(model: Model, saved: bytes) -> MeterState:
    """States `[meter]` from the bytes that `tobytes()` of them gave.

    Raises:
        ReadingsError: they are states of another model, or cut short.
    """
    size = model.record.dtype.itemsize
    if not saved or len(saved) % size:
        raise ReadingsError(
            f"{len(saved)} bytes are no states of this model, which has {size} a meter; prime them anew from readings."
        )
    states = np.frombuffer(saved, model.record.dtype).copy()
    check_states(model, states)
    return states


def check_states(model: Model, states: MeterState) -> None:
    """Raises ReadingsError where a state belongs to another model or version, or there is none."""
    if not states.size:
        raise ReadingsError("There is no state; `prime` gives one from readings.")
    of_kind = states.dtype == model.record.dtype
    if not (of_kind and rec.same(states["model"], model.fingerprint) and rec.same(states["version"], rec.VERSION)):
        raise ReadingsError("The state belongs to another model or an older wattcast; prime it anew from readings.")


def moment(model: Model, state: MeterState) -> np.datetime64:
    """Start of the interval that a state waits for [UTC]."""
    return np.datetime64(_next(model, state), "us")


def _next(model: Model, state: Any) -> int:
    return int(state["start"] + state["count"] * model.step)


def _behind(model: Model, states: MeterState, when: When | None) -> tuple[int, NDArray[np.int64]]:
    """The interval that was read [us since 1970], and those between it and what each state waits for `[meter]`.

    All of these are at least 0.
    """
    waits = states["start"] + states["count"] * model.step
    target = microseconds(when) if when is not None else int(waits[0])
    if rec.same(waits, target):
        return target, _NONE
    late, rest = np.divmod(target - waits, model.step)
    m = int(np.argmax((rest != 0) | (late < 0)))
    awaited = np.datetime64(int(waits[m]), "us")
    if when is None:
        raise ReadingsError(f"States stand at different times, {awaited} and {np.datetime64(target, 'us')}; name one.")
    if rest.any():
        raise ReadingsError(
            f"A reading of {when} lies off the grid of state {m}, which waits for {awaited} and has steps of "
            f"{model.grounds.step}.", when=str(when),
        )  # fmt: skip
    if late.min() < 0:
        raise ReadingsError(
            f"State {m} has read the interval of {when} already and waits for {awaited}; go back to a state from "
            "before it and read on from there.", when=str(when),
        )  # fmt: skip
    return target, late


def _rows(model: Model, known: Any, meters: int) -> NDArray[np.float32]:
    """Covariates as they were given, standardised `[meter, row, covariate]`."""
    known = np.asarray(known, np.float64)
    shape = (meters, known.shape[-2] if known.ndim > 1 else 0, len(model.known))
    if known.ndim not in (2, 3) or known.shape[-1] != shape[-1] or known.shape[:-2] not in ((), (meters,)):
        raise ReadingsError(
            f"Covariates have shape {known.shape}; the model needs [row, {shape[-1]}] or [{meters}, row, {shape[-1]}], "
            f"a column each of {', '.join(model.known)}."
        )
    return standard(model, np.broadcast_to(known, shape))
