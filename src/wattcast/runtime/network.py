"""The network in NumPy: the same arithmetic as `nets.network`, `nets.cells` and `nets.heads`, forward only, f32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattcast.runtime.record import MeterState

if TYPE_CHECKING:
    from wattcast.runtime.model import Layer, Member, Model

Floats = NDArray[np.float32]
#: Spreads from the centre beyond which an input is held (`nets.network.FARTHEST`).
FARTHEST = np.float32(8.0)


def move(model: Model, states: MeterState, x: Floats) -> None:
    """One advance of every member by what the network sees `[meter, feature]`, in place."""
    for k, member in enumerate(model.members):
        h, after = step(model, member, encode(member, x, states["who"]), states["state"][:, k])
        states["state"][:, k] = after
        if states["output"].shape[-1]:
            states["output"][:, k] = h
    states["moved"] += 1


def encode(member: Member, x: Floats, who: NDArray[Any]) -> Floats:
    """What the recurrent layers read `[*, width]`."""
    e = normal(member, x) @ member.embed + member.embed_bias
    return gelu(e + member.meters[who] if len(member.meters) else e)


def normal(member: Member, x: Floats) -> Floats:
    """Inputs around 0 with a spread of 1, none far out."""
    return np.clip((x - member.centre) / member.spread, -FARTHEST, FARTHEST)


def step(model: Model, member: Member, e: Floats, state: Floats) -> tuple[Floats, Floats]:
    """Output of the stack `[*, hidden]` and state `[*, units]` after one more input (`nets.stack.Stack.step`)."""
    sizes = [len(layer.u) for layer in member.layers]
    ends = np.cumsum(sizes * (2 if model.cell == "lstm" else 1))
    parts = np.split(state, ends[:-1], axis=-1)
    hs, cs = parts[: len(sizes)], parts[len(sizes) :]
    after_h, after_c, x = [], [], e
    for k, layer in enumerate(member.layers):
        h, c = _cell(model.cell, layer, x, hs[k], cs[k] if cs else None)
        after_h.append(h)
        after_c += [] if c is None else [c]
        x = joined(x, h)
    return x, np.concatenate([*after_h, *after_c], axis=-1)


def joined(x: Floats, h: Floats) -> Floats:
    """A layer's output with its input added where both have one size."""
    return x + h if x.shape[-1] == h.shape[-1] else h


def output(member: Member, e: Floats, state: Floats) -> Floats:
    """Output of the stack again, from the input of the last step and the state after it `[*, hidden]`."""
    x, first = e, 0
    for layer in member.layers:
        x = joined(x, state[..., first : first + len(layer.u)])
        first += len(layer.u)
    return x


def _cell(cell: str, layer: Layer, x: Floats, h: Floats, c: Floats | None) -> tuple[Floats, Floats | None]:
    a, b = x @ layer.w + layer.b, h @ layer.u
    if cell == "elman":
        return np.tanh(a + b), None
    if cell == "gru":
        (xr, xz, xn), (hr, hz, hn) = np.split(a, 3, axis=-1), np.split(b, 3, axis=-1)
        z = sigmoid(xz + hz)
        n = np.tanh(xn + sigmoid(xr + hr) * (hn + layer.bn))
        return n + z * (h - n), None
    i, f, g, o = np.split(a + b, 4, axis=-1)
    assert c is not None
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def decode(  # noqa: PLR0913, PLR0917  (as `nets.network.Network.decode`)
    model: Model, member: Member, h: Floats, x: Floats, local: Floats, who: NDArray[Any], between: bool
) -> Floats:
    """Quantiles relative to the level `[*, output, quantile]`."""
    lead, outputs = h.shape[:-1], member.bias.shape[0]
    common = h @ member.from_state + encode(member, x, who) @ member.from_input
    z = gelu(common[..., None, :] + np.moveaxis(local, 0, -1) @ member.from_local + member.slot)
    raw = z @ member.out + (h @ member.direct).reshape(*lead, outputs, -1) + member.bias
    median = raw[..., 0] + local[0] + normal(member, x) @ member.skip[int(between)]
    return _head(model, member, median[..., None], raw)


def _head(model: Model, member: Member, median: Floats, raw: Floats) -> Floats:
    if not model.quantile:
        return median.repeat(11, axis=-1)
    down, up = softplus(member.below).cumsum()[::-1], softplus(member.above).cumsum()
    low, high = (softplus(raw[..., k, None] - np.float32(3.0)) + np.float32(1e-4) for k in (1, 2))
    return np.concatenate([median - low * down, median, median + high * up], axis=-1)


def gelu(x: Floats) -> Floats:
    """By the hyperbolic tangent, as `jax.nn.gelu`."""
    return np.float32(0.5) * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)))


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e^-x)."""
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def softplus(x: Floats) -> Floats:
    """log(1 + e^x)."""
    return np.logaddexp(x, np.float32(0))
