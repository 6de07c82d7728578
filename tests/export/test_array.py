"""NumPy code on arrays of a graph: what comes out of it is what NumPy says, and what it cannot say is refused."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from wattcast.export.array import Array
from wattcast.export.trace import Trace

X = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
CODE = {
    "slices": lambda x: x[..., 1:3],
    "last entries": lambda x: x[:, -1, None, -2:],
    "new axes": lambda x: x[:, None, 2],
    "arithmetic": lambda x: 1 - np.float32(2) * x / (np.abs(x) + 1) ** 2,
    "constants of two dimensions": lambda x: np.linspace(0, 1, 6) * x,
    "products": lambda x: x @ np.arange(12, dtype=np.float32).reshape(6, 2),
    "reshape": lambda x: x.reshape(*x.shape[:1], -1, 8),
    "sums and means": lambda x: x.sum(axis=1) + x.mean(-2),
    "split": lambda x: np.concatenate(np.split(x, [1, 3], axis=-1)[::-1], axis=-1),
    "halves": lambda x: np.stack(np.split(x, 2, axis=-1), axis=1),
    "choice": lambda x: np.where((x > 0) & ~(x >= 1), x, np.nan),
    "bounds": lambda x: np.clip(x, -0.5, np.float32(0.7)),
    "order": lambda x: np.sort(x, axis=-1),
    "finite": lambda x: np.isfinite(x / np.maximum(x, 0)).astype(np.float32),
    "places": lambda x: np.argmax(x, axis=1),
    "repeat": lambda x: x[..., :1].repeat(5, axis=-1),
    "repeat each": lambda x: np.repeat(x[..., :3], (2, 0, 4), axis=-1),
    "zeros behind": lambda x: np.pad(x, [(0, 0), (0, 0), (0, 3)]),
    "no zeros behind": lambda x: np.pad(x, [(0, 0)] * 3),
    "exponentials": lambda x: np.exp(x.clip(-1, 0.5)),
    "ones": lambda x: np.ones_like(x[..., :2]) + x[..., :1],
    "softplus": lambda x: np.logaddexp(x, np.float32(0)),
    "along": lambda x: np.take(x, np.array([[2, 0], [1, 1]]), axis=1),
}


def given(name="x", dtype=np.float32, shape=("batch", 4, 6)):
    return Trace().input(name, dtype, shape, "numbers")


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", CODE)
def test_as_numpy_says(name):
    x = given()
    out = CODE[name](x)
    assert isinstance(out, Array)
    with np.errstate(invalid="ignore"):
        wanted = CODE[name](X)
    (found,) = ReferenceEvaluator(x.trace.model("code", {"out": (out, "")}, {})).run(None, {"x": X})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert out.shape[1:] == wanted.shape[1:] and found.dtype == out.dtype


def test_branches_and_loops_run_as_often_as_they_should():
    x = given(shape=("batch",))
    trace = x.trace
    asked = trace.input("asked", bool, (), "which branch")
    (chosen,) = trace.when(asked, lambda: [x + 1], lambda: [x])
    done = trace.loop(trace.size("batch")[0], {"sum": chosen}, lambda k, s: {"sum": s["sum"] * 2})
    run = ReferenceEvaluator(trace.model("code", {"out": (done["sum"], "")}, {})).run
    for yes in (True, False):
        (found,) = run(None, {"x": X[0, 0, :3], "asked": np.array(yes)})
        np.testing.assert_allclose(found, (X[0, 0, :3] + yes) * 8, rtol=1e-6)


@pytest.mark.parametrize(
    "code",
    [
        lambda x: x + x.trace.constant([1]),  # whole numbers meet others
        lambda x: x.astype(np.int32) + 0.5,
        lambda x: x + np.zeros(5, np.float32),
        lambda x: x @ np.zeros((5, 2), np.float32),
        lambda x: x[:, ::2],
        lambda x: x.reshape(4, "batch", 6),
        lambda x: np.split(x, 2, axis=1),
        lambda x: np.logaddexp(x, np.float32(1)),
        np.arctan,
        np.linalg.norm,
        np.add.reduce,
    ],
)
def test_what_it_cannot_say_is_refused(code):
    with pytest.raises((TypeError, ValueError)):
        code(given())
