"""A held state says what the whole past says: streamed against batch, over what there is to combine."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import untrained
from panels import load_panel

from runtime.models import covariates, model, off, stored_model, streamed
from wattcast import forecast, kernels, runtime
from wattcast.nets.artifact import save_forecaster, stored
from wattcast.runtime import advance, moment, predict, prime, restored
from wattcast.schema import NotReady, ReadingsError

HOUR = timedelta(hours=1)
PANELS = {
    "none": load_panel(days=40, temperature=False, gaps=0.05),
    "known": load_panel(days=40, gaps=0.05),
}
DAY = np.arange(40 * 24) // 24
KNOWN_FROM = np.repeat(np.maximum(DAY * 24 - 14, 0)[:, None], 2, axis=1).astype(np.int32)
PANELS["issued"] = replace(PANELS["known"], known_from=KNOWN_FROM)


@pytest.fixture(params=["native", "numpy"])
def path(request, monkeypatch):
    """Both ways to the same numbers."""
    if request.param == "numpy":
        monkeypatch.setenv("WATTCAST_KERNELS", "reference")


COMBINED = list(product(("elman", "gru", "lstm"), ((4,), (4, 3)), (1, 2), ("pinball", "mse"), PANELS, (3, 24)))


@pytest.mark.parametrize(("cell", "hidden", "members", "loss", "kind", "horizon"), COMBINED)
def test_streamed_says_what_priming_on_the_whole_past_says(cell, hidden, members, loss, kind, horizon):
    panel = PANELS[kind]
    m = model(panel, horizon=horizon, cell=cell, hidden=hidden, members=members, loss=loss)
    for first, last in ((15 * 24 + 5, 17 * 24), (25 * 24, 26 * 24 + 7)):  # a young meter, one between two midnights
        states = streamed(m, prime(m, panel, first), panel, first, last)
        whole = prime(m, panel, last)
        ahead = covariates(panel, last, horizon)
        assert off(predict(m, states, ahead).quantiles, predict(m, whole, ahead).quantiles) < 1e-5
        assert (states["moved"] == whole["moved"]).all() and states["moved"].min() > 0


#: Every pair of values of two of the columns above is among these.
PAIRS = [
    ("elman", (4,), 1, "pinball", "none", 3), ("gru", (4, 4), 2, "mse", "known", 24),
    ("lstm", (4,), 2, "pinball", "issued", 24), ("lstm", (4, 4), 1, "mse", "none", 3),
    ("gru", (4,), 1, "pinball", "issued", 3), ("elman", (4, 4), 2, "mse", "issued", 24),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "hidden", "members", "loss", "kind", "horizon"), PAIRS)
def test_streamed_says_what_the_compiled_pass_says(cell, hidden, members, loss, kind, horizon):
    panel = PANELS[kind]
    f = untrained(panel, horizon=horizon, cell=cell, hidden=hidden, members=members, loss=loss)
    f = replace(f, about={"issued": kind == "issued"})
    m = forecast.live(f)
    first, origins = 20 * 24 + 3, [21 * 24, 22 * 24 + 7]
    wanted = forecast.predict(f, panel, origins)
    states = prime(m, panel, first)
    for k, origin in enumerate(origins):
        states, first = streamed(m, states, panel, first, origin), origin
        found = predict(m, states, covariates(panel, origin, horizon)).quantiles
        assert off(found, wanted[k].swapaxes(0, 1)) < 1e-5


@pytest.mark.parametrize("horizon", [3, 24])
def test_ten_thousand_steps(horizon):
    panel = load_panel(days=440, temperature=False, gaps=0.03, zone="Europe/Berlin")
    panel.y[3000:3400, 0] = np.nan  # a gap of weeks
    m = model(panel, horizon=horizon, cell="lstm", country="DE", at="06:00:00")
    states = streamed(m, prime(m, panel, 500), panel, 500, 10_500)
    assert off(predict(m, states).quantiles, predict(m, prime(m, panel, 10_500)).quantiles) < 1e-5


@pytest.mark.parametrize(("start", "days"), [(datetime(2022, 3, 1), 29), (datetime(2022, 10, 4), 29)])
def test_days_of_23_and_25_hours(path, start, days):
    panel = replace(load_panel(days=40, temperature=False, zone="Europe/Berlin"), start=start)
    f = untrained(panel, at=time(2), country={"meter1": "DE"})
    m = forecast.live(f)
    first = 20 * 24
    states = prime(m, panel, first)
    origins = list(range(25 * 24, days * 24, 5))
    wanted = forecast.predict(f, panel, origins)
    for k, origin in enumerate(origins):
        states, first = streamed(m, states, panel, first, origin), origin
        assert off(predict(m, states).quantiles, wanted[k].swapaxes(0, 1)) < 1e-5


def with_and_without(monkeypatch, panel, **how):
    """A model that has the library, and the same one that has not."""
    fast, slow = model(panel, **how), model(panel, **how)
    assert fast.native is not None or kernels.which() == "reference"
    with monkeypatch.context() as patch:
        patch.setenv("WATTCAST_KERNELS", "reference")
        assert slow.native is None
    return fast, slow


def same_states(one, two):
    for name in one.dtype.names:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], two[name], rtol=2e-5, atol=2e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(one[name], two[name], err_msg=name)


@pytest.mark.parametrize("country", [None, "DE", {"meter1": "DE"}])
@pytest.mark.parametrize("horizon", [3, 24, 60])
def test_with_and_without_the_library(monkeypatch, horizon, country):
    panel = replace(PANELS["known"], start=datetime(2021, 12, 1))
    at = {"horizon": horizon, "country": country, "weekly": horizon != 60, "members": 2, "hidden": (5, 5)}
    both = with_and_without(monkeypatch, panel, **at)
    first = both[0].grounds.layout.history - 30  # the state begins to move on the way
    states = [streamed(m, prime(m, panel, first), panel, first, 18 * 24) for m in both]
    same_states(*states)
    same_states(*(prime(m, panel, 18 * 24) for m in both))


#: Cell, layers, head, covariates, minutes, steps ahead, gap, weeks: each value of one with most of the others.
AHEAD = [
    ("elman", (4,), "pinball", "none", 60, 3, 0, True), ("gru", (4, 4), "mse", "known", 60, 3, 1, False),
    ("lstm", (4, 3), "pinball", "issued", 60, 3, 0, True), ("gru", (5,), "pinball", "known", 60, 24, 0, True),
    ("lstm", (4, 4), "mse", "issued", 60, 24, 7, False), ("elman", (4, 3), "pinball", "none", 60, 60, 0, True),
    ("gru", (9,), "pinball", "known", 15, 96, 0, True), ("lstm", (4,), "pinball", "none", 15, 60, 3, False),
    ("elman", (4,), "mse", "known", 720, 2, 0, True),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "hidden", "loss", "kind", "minutes", "horizon", "gap", "weekly"), AHEAD)
def test_forecasts_with_and_without_the_library(monkeypatch, cell, hidden, loss, kind, minutes, horizon, gap, weekly):
    panel = load_panel(days=32, minutes=minutes, meters=3, temperature=kind != "none", gaps=0.05)
    panel.y[:, 2] = np.nan  # never heard
    known_from = np.maximum(np.arange(panel.length) - 5, 0)[:, None].repeat(3, axis=1).astype(np.int32)
    panel = replace(panel, known_from=known_from if kind == "issued" else None, start=datetime(2021, 12, 1))
    how = {"cell": cell, "hidden": hidden, "loss": loss, "horizon": horizon, "gap": gap, "weekly": weekly, "members": 2}
    both = with_and_without(monkeypatch, panel, country={"meter1": "DE"}, **how)
    for origin in (
        25 * panel.day,
        25 * panel.day + 5,
        30 * panel.day,
    ):  # at an advance, between two; older than 28 days
        states = [np.tile(prime(m, panel, origin), 9) for m in both]
        ahead = None if kind == "none" else np.tile(covariates(panel, origin, horizon), (9, 1, 1))
        found, wanted = (predict(m, s, known).quantiles for m, s in zip(both, states, strict=True) for known in [ahead])
        assert off(found[:2], wanted[:2]) < 1e-5 and np.isnan(found[2]).all()
        np.testing.assert_allclose(found, np.tile(found[:3], (9, 1, 1)), rtol=1e-5)
        short = predict(both[0], states[0][::2], None if ahead is None else ahead[::2], horizon=gap + 1).quantiles
        np.testing.assert_allclose(short, found[::2, :1], rtol=1e-5)


def test_records_that_do_not_lie_one_behind_the_other():
    panel = PANELS["none"]
    m = model(panel, horizon=3)
    states = np.repeat(prime(m, panel, 400), 3)
    alone, others = advance(m, states[:1], 7.0), states[1:].tobytes()
    assert advance(m, states[::6], 7.0, out=states[::6]).tobytes() == alone.tobytes()
    assert states[:1].tobytes() == alone.tobytes() and states[1:].tobytes() == others


def test_many_meters_are_each_alone(path):
    many = replace(
        PANELS["none"], ids=tuple(f"m{k}" for k in range(300)), y=np.repeat(PANELS["none"].y, 150, axis=1) *
        np.linspace(1, 2, 300), covariates=np.zeros((960, 300, 0)),
    )  # fmt: skip
    m = model(many, horizon=3)
    states = prime(m, many, 400)
    after = streamed(m, states, many, 400, 410)
    q = predict(m, after).quantiles
    for k in (0, 7, 299):
        alone = states[k]
        for t in range(400, 410):
            alone = advance(m, alone, many.y[t, k])
        assert alone.shape == () and predict(m, alone).quantiles.shape == (3, 11)
        np.testing.assert_allclose(predict(m, alone).quantiles, q[k], rtol=1e-5)


def test_in_place_and_not(path):
    panel = PANELS["none"]
    m = model(panel, horizon=3)
    states = prime(m, panel, 400)
    before = states.tobytes()
    after = advance(m, states, panel.y[400])
    assert states.tobytes() == before
    assert advance(m, states, panel.y[400], out=states) is not None
    assert states.tobytes() == after.tobytes()


def test_intervals_that_were_left_out_are_missing_readings():
    panel = PANELS["none"]
    m = model(panel, horizon=24)
    states = prime(m, panel, 400)
    holed = replace(panel, y=panel.y.copy())
    holed.y[400:430] = np.nan
    there = panel.time(430).replace(tzinfo=UTC)
    skipped = advance(m, states, panel.y[430], when=there)
    assert skipped.tobytes() == streamed(m, states, holed, 400, 431).tobytes()
    one = advance(m, states[:1], panel.y[400, :1])  # one meter is further than the other
    both = np.concatenate([one, states[1:]])
    with pytest.raises(ReadingsError, match="stand at different times"):
        advance(m, both, panel.y[401])
    level = advance(m, both, panel.y[430], when=np.datetime64(panel.time(430)))
    assert (level["count"] == 431).all()


def test_times_off_the_grid_and_read_already():
    panel = PANELS["none"]
    m = model(panel, horizon=3)
    state = prime(m, panel, 400)[0]
    assert moment(m, state) == np.datetime64(panel.time(400))
    with pytest.raises(ReadingsError, match="off the grid"):
        advance(m, state, 1.0, when=panel.time(400) + timedelta(minutes=7))
    with pytest.raises(ReadingsError, match="read the interval of .* already"):
        advance(m, state, 1.0, when=panel.time(399))


def test_saved_and_restored_and_of_another_model():
    panel = PANELS["none"]
    m, other = model(panel, horizon=3), model(panel, horizon=3, at="01:00:00")
    states = prime(m, panel, 400)
    assert restored(m, states.tobytes()).tobytes() == states.tobytes()
    for foreign in (other, model(panel, horizon=24)):
        with pytest.raises(ReadingsError, match=r"another model|are no states of this model"):
            restored(foreign, states.tobytes())
        with pytest.raises(ReadingsError, match="another model"):
            advance(foreign, states, 1.0)
        with pytest.raises(ReadingsError, match="another model"):
            predict(foreign, states)
    with pytest.raises(ReadingsError, match="no states"):
        restored(m, states.tobytes()[:-1])
    with pytest.raises(ReadingsError, match="no states"):
        restored(m, b"")


def test_too_little_history():
    panel = PANELS["none"]
    m = model(panel, horizon=24)
    need = m.grounds.layout.history + 24
    states = prime(m, panel, 30)  # trained meters have their scale
    with pytest.raises(NotReady, match=f"needs {need} readings"):
        predict(m, states)
    states = streamed(m, states, panel, 30, need)
    assert off(predict(m, states).quantiles, predict(m, prime(m, panel, need)).quantiles) < 1e-5
    new = replace(panel, ids=("new", "meter1"))
    with pytest.raises(NotReady, match="scale of a meter"):
        prime(m, new, 30)
    assert np.isfinite(predict(m, prime(m, new, 500)).quantiles).all()


def test_a_meter_never_heard_has_no_forecast():
    panel = replace(PANELS["none"], y=PANELS["none"].y.copy())
    panel.y[:, 0] = np.nan
    m = model(PANELS["none"], horizon=3)
    q = predict(m, prime(m, panel, 400)).quantiles
    assert np.isnan(q[0]).all() and np.isfinite(q[1]).all()


def test_forecast_names_its_times_and_shorter_horizons():
    panel = PANELS["none"]
    m = model(panel, horizon=5, gap=1)
    said = predict(m, prime(m, panel, 400))
    assert said.cutoff == np.datetime64(panel.time(399)) and said.ds[0] == np.datetime64(panel.time(401))
    assert len(said.ds) == 4 and said.median.shape == (2, 4)
    short = predict(m, prime(m, panel, 400), horizon=3)
    np.testing.assert_array_equal(short.quantiles, said.quantiles[:, :2])
    with pytest.raises(ReadingsError, match="lies beyond the 5"):
        predict(m, prime(m, panel, 400), horizon=6)


def test_covariates_of_another_shape():
    panel = PANELS["known"]
    m = model(panel, horizon=3)
    with pytest.raises(ReadingsError, match=r"the model needs \[row, 1\] or \[2, row, 1\]"):
        advance(m, prime(m, panel, 400), panel.y[400], known=np.zeros((2, 5, 2)))


STREAM = model(PANELS["none"], horizon=24)
START = prime(STREAM, PANELS["none"], 20 * 24)[0]
TIMES = [np.datetime64(PANELS["none"].time(20 * 24 + k), "us") for k in range(30)]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.permutations(range(30)), st.lists(st.integers(0, 29), max_size=6), st.integers(0, 29))
def test_readings_in_any_order_repeated_and_corrected(order, repeated, corrected):
    values = PANELS["none"].y[20 * 24 : 20 * 24 + 30, 0]
    track = runtime.Track(STREAM, START)
    for k in order:
        track.put(TIMES[k], values[k] * (2 if k == corrected else 1))
    for k in repeated:
        if k != corrected:
            before = track.state
            assert track.put(TIMES[k], values[k]) is before
    track.put(TIMES[corrected], values[corrected])
    straight = START
    for y in values:
        straight = advance(STREAM, straight, y)
    assert track.state.tobytes() == straight.tobytes()


def test_the_checkpoint_follows_and_what_lies_before_it_is_refused():
    panel = PANELS["none"]
    track = runtime.Track(STREAM, START, reach=5)
    for k in range(30):
        track.put(TIMES[k], panel.y[20 * 24 + k, 0])
    assert track.state.tobytes() == track._read(START, TIMES, {
        when: (panel.y[20 * 24 + k, 0], None) for k, when in enumerate(TIMES)
    }).tobytes()  # fmt: skip
    assert track.checkpoint["count"] >= 20 * 24 + 20
    with pytest.raises(ReadingsError, match="lies before"):
        track.put(TIMES[3], 1.0)


def test_a_model_file_without_jax_and_polars(tmp_path):
    panel = PANELS["known"]
    f = untrained(panel)
    save_forecaster(f, tmp_path / "m.wattcast")
    m = runtime.load(tmp_path / "m.wattcast")
    assert m.fingerprint == forecast.live(f).fingerprint == runtime.model_of(*stored(f)).fingerprint
    (tmp_path / "state").write_bytes(prime(m, panel, 600).tobytes())
    np.savez(tmp_path / "rows.npz", y=panel.y[600], known=covariates(panel, 600, 24))
    code = f"""
import sys, numpy as np
from wattcast import runtime
m = runtime.load({str(tmp_path / "m.wattcast")!r})
rows = np.load({str(tmp_path / "rows.npz")!r})
states = runtime.restored(m, open({str(tmp_path / "state")!r}, "rb").read())
states = runtime.advance(m, states, rows["y"], known=rows["known"])
np.save({str(tmp_path / "q.npy")!r}, runtime.predict(m, states).quantiles)
heavy = {{"jax", "jaxlib", "equinox", "optax", "polars", "pandas", "scipy", "pydantic", "holidays"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    wanted = forecast.predict(f, panel, [601])[0].swapaxes(0, 1)
    assert off(np.load(tmp_path / "q.npy"), wanted) < 1e-5


@pytest.mark.parametrize("name", ["network/embed", "network/stack/cells/0/weights/u", "scaling/meter"])
def test_a_model_file_that_does_not_fit(tmp_path, name):
    import json

    from safetensors.numpy import save

    tensors, header = stored_model(PANELS["none"], horizon=3)
    path = tmp_path / "m.wattcast"
    for wrong in (tensors | {name: tensors[name][..., :-1]}, {k: v for k, v in tensors.items() if k != name}):
        held = {k: np.ascontiguousarray(v) for k, v in wrong.items()}
        path.write_bytes(save(held, metadata={"wattcast": json.dumps(header)}))
        with pytest.raises(ReadingsError, match="is not a whole wattcast model"):
            runtime.load(path)
