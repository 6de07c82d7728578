"""The graphs in onnxruntime say what the runtime says, over what there is to combine."""

import json
import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import onnx
import pages
import pytest
from panels import load_panel
from runtime.models import covariates, model, off, streamed

from export.onnx_models import Exported
from wattcast import export
from wattcast.export import trace
from wattcast.export.state import LEARNED
from wattcast.nets.errors import Learning
from wattcast.runtime import advance, predict, prime
from wattcast.schema import ReadingsError

START = datetime(2021, 12, 6)  # holidays at Christmas and New Year
START_OF_WINTER = datetime(2022, 10, 22, 22)  # a week before the day of 25 hours, in UTC
PANELS = {
    name: replace(load_panel(days=44, gaps=0.05, temperature=name != "none"), start=START) for name in ("none", "known")
}
WEATHER = np.random.default_rng(3).normal(80, 20, (44 * 24, 2, 1))
PANELS["known"] = replace(
    PANELS["known"], covariates=np.concatenate([PANELS["known"].covariates, WEATHER], -1), names=("temperature", "rh")
)
PANELS["known"].covariates[25 * 24 + 3 : 25 * 24 + 40, 0] = np.nan
DAY = np.arange(44 * 24) // 24
KNOWN_FROM = np.repeat(np.maximum(DAY * 24 - 14, 0)[:, None], 2, axis=1).astype(np.int32)
PANELS["issued"] = replace(PANELS["known"], known_from=KNOWN_FROM)

#: Every pair of values of two of the columns is among these.
COMBINED = [
    ("gru", (4,), 1, "pinball", "none", 24, {}),
    ("gru", (5, 4), 2, "mse", "known", 24, {"country": "DE"}),
    ("lstm", (4, 4), 2, "pinball", "issued", 24, {"country": {"meter1": "DE"}}),
    ("elman", (4, 4), 1, "pinball", "known", 36, {"gap": 11, "at": "09:00:00"}),
    ("lstm", (4,), 1, "mse", "none", 60, {"weekly": False, "country": {"meter0": "DE"}}),
    ("elman", (4,), 2, "mse", "issued", 24, {"country": "AT", "weekly": False}),
    ("gru", (4, 4), 1, "mse", "issued", 3, {"country": {"meter1": "DE"}}),
    ("lstm", (4,), 2, "pinball", "known", 3, {"country": "DE"}),
    ("elman", (5, 4), 2, "pinball", "none", 5, {"gap": 2, "weekly": False}),
]


def same(model, found, states):
    """Tensors of a state are those of the runtime's, in float32."""
    for name, wanted in export.tensors(model, states).items():
        assert found[name].dtype == wanted.dtype and found[name].shape == wanted.shape, name
        np.testing.assert_allclose(found[name], wanted, rtol=1e-5, atol=2e-6, err_msg=name)


def agree(m, graphs, panel, origin):
    """The graph `prime` says what the runtime says after so many readings; which is given back."""
    found, q = graphs.prime(panel, origin)
    states = prime(m, panel, origin)
    same(m, found, states)
    said = predict(m, states).quantiles
    assert off(q, said) < 1e-5
    return said


@pytest.mark.parametrize(("cell", "hidden", "members", "loss", "kind", "horizon", "more"), COMBINED)
def test_primed_and_streamed_as_by_the_runtime(tmp_path, cell, hidden, members, loss, kind, horizon, more):
    panel = PANELS[kind]
    m = model(panel, horizon=horizon, cell=cell, hidden=hidden, members=members, loss=loss, **more)
    graphs = Exported(m, tmp_path)
    for first, last in ((15 * 24 + 5, 17 * 24), (25 * 24, 26 * 24 + 7)):  # a young meter, one between two midnights
        primed, q = graphs.prime(panel, first)
        states = prime(m, panel, first)
        same(m, primed, states)
        assert off(q, predict(m, states, covariates(panel, first, horizon)).quantiles) < 1e-5
        found, q = graphs.streamed(primed, panel, first, last)
        states = streamed(m, states, panel, first, last)
        same(m, found, states)
        assert states["moved"].min() > 0 and np.isfinite(q).all()
        assert off(q, predict(m, states).quantiles) < 1e-5


@pytest.mark.parametrize(("start", "days"), [(datetime(2022, 3, 1), 29), (datetime(2022, 10, 4), 29)])
def test_days_of_23_and_25_hours(tmp_path, start, days):
    panel = replace(load_panel(days=40, temperature=False, zone="Europe/Berlin"), start=start)
    m = model(panel, at="02:00:00", country={"meter1": "DE"})
    graphs, first = Exported(m, tmp_path), 24 * 24
    states, found = prime(m, panel, first), graphs.prime(panel, first)[0]
    for origin in range(25 * 24, days * 24, 5):
        found, q = graphs.streamed(found, panel, first, origin)
        states, first = streamed(m, states, panel, first, origin), origin
        assert off(q, predict(m, states).quantiles) < 1e-5
    same(m, found, states)


def learning_from(m, panel, day):
    """The model, learning from its errors since the beginning of a day of the panel."""
    since = panel.time(day * panel.day)
    return replace(m, grounds=replace(m.grounds, learning=replace(m.grounds.learning, since=since)))


@pytest.mark.parametrize("horizon", [14, 36])
def test_what_errors_teach(tmp_path, horizon):
    panel = replace(load_panel(days=12, temperature=False, gaps=0.1, zone="Europe/Berlin"), start=START_OF_WINTER)
    panel.y[9 * 24 + 2 : 9 * 24 + 5, 0] = np.nan
    m = learning_from(model(panel, horizon=horizon, weekly=False), panel, 5)
    graphs, first = Exported(m, tmp_path), 6 * 24 + 20  # 30 October, the day of 25 hours, is day 7
    found, states = graphs.prime(panel, first)[0], prime(m, panel, first)
    for origin in (first, 7 * 24 + 26, 10 * 24 - 1, 11 * 24 + 7):  # the last one within a day, after some gaps
        found, q = graphs.streamed(found, panel, first, origin) if origin > first else graphs.prime(panel, first)
        states, first = streamed(m, states, panel, first, origin), origin
        same(m, found, states)
        assert off(q, predict(m, states).quantiles) < 1e-5
    assert (states["drift"][:, : min(horizon, 24)] != 0).all() and (found["drift"][:, horizon:] == 0).all()
    assert (np.abs(states["bands"]) > 0.05).any() and (states["bands"] != states["bands_then"]).any()
    same(m, graphs.prime(panel, origin)[0], states)
    same(m, graphs.prime(panel, 5 * 24 - 1)[0], prime(m, panel, 5 * 24 - 1))  # nothing so far
    assert not graphs.prime(panel, 5 * 24 - 1)[0]["basis"].any() and graphs.prime(panel, 5 * 24)[0]["basis"].all()


def test_models_that_do_not_learn_have_no_part_of_it(tmp_path):
    m = model(PANELS["none"], weekly=False)
    m = replace(m, grounds=replace(m.grounds, learning=Learning()))
    graphs = Exported(m, tmp_path)
    assert not set(LEARNED) & set(graphs.about["state"]) and graphs.about["since"] is None
    assert export.calendar(graphs.about, START, 3)["calendar"].shape[1] == 4
    agree(m, graphs, PANELS["none"], 30 * 24 + 3)


@pytest.mark.parametrize(("kind", "horizon", "country"), [("issued", 24, {"meter1": "DE"}), ("none", 3, None)])
def test_the_definition_of_onnx_says_the_same(tmp_path, kind, horizon, country):
    panel = PANELS[kind]
    m = model(panel, horizon=horizon, country=country, cell="lstm", members=2, weekly=False)
    m = learning_from(m, panel, 3) if horizon == 24 else m
    graphs = Exported(m, tmp_path)
    book = graphs.by_the_book(tmp_path)
    (one, q), (other, p) = (g.prime(panel, 5 * 24) for g in (graphs, book))
    assert off(p, q) < 1e-5
    assert (
        off(book.streamed(other, panel, 5 * 24, 5 * 24 + 3)[1], graphs.streamed(one, panel, 5 * 24, 5 * 24 + 3)[1])
        < 1e-5
    )


def test_quarter_hours_and_a_long_gap(tmp_path):
    panel = load_panel(days=24, minutes=15, temperature=False, gaps=0.02, zone="Europe/Berlin")
    panel.y[18 * 96 : 20 * 96 + 5, 0] = np.nan
    m = model(panel, horizon=96)
    agree(m, Exported(m, tmp_path), panel, 21 * 96 + 13)


@pytest.mark.parametrize(("start", "weekly", "origin"), [(22, True, 17 * 24), (26, False, 5 * 24)])
def test_nothing_lies_before_the_first_reading(tmp_path, start, weekly, origin):
    # of 8 January the last like day is 18 December; and what began on a holiday counts as holiday before
    panel = replace(load_panel(days=20, temperature=False), start=datetime(2021, 12, start))
    m = model(panel, weekly=weekly, country={"meter1": "DE"})
    graphs = Exported(m, tmp_path)
    agree(m, graphs, panel, origin)
    agree(m, graphs, panel, origin + 24 + 5)


def test_no_feed_in_is_filled_in_and_weeks_of_almost_nothing(tmp_path):
    panel = load_panel(days=24, temperature=False)
    panel.y[18 * 24 + 6, 0] = -20.0
    panel.y[18 * 24 + 7 : 19 * 24, 0] = np.nan
    panel.y[15 * 24 :, 1] *= 1e-4
    m = model(panel)
    agree(m, Exported(m, tmp_path), panel, 23 * 24)


def test_quantiles_whose_factors_cross_are_put_in_order(tmp_path):
    panel = PANELS["none"]
    m = model(panel, horizon=3)
    factors = np.linspace(0.8, 1.2, 11)
    factors[1] = 4.0
    m = replace(m, grounds=replace(m.grounds, calibration=factors))
    said = agree(m, Exported(m, tmp_path), panel, 400)
    assert (np.diff(said, axis=-1) >= 0).all()


def test_what_was_known_once_stays_known(tmp_path):
    panel, first = PANELS["known"], 20 * 24
    m = model(panel, members=2)
    graphs = Exported(m, tmp_path)
    found, states = graphs.prime(panel, first)[0], prime(m, panel, first)
    days, span = (
        export.calendar(graphs.about, panel.time(first), 50)["calendar"],
        sum(graphs.about["calendar"].values()),
    )
    for k in range(50):
        t = first + k
        rows = panel.covariates[t : t + 60].swapaxes(0, 1).copy()
        rows[:, :, 1] = np.nan
        rows = rows if t % 24 == 9 else rows[:, :0]  # once a day, and of one covariate never again
        states = advance(m, states, panel.y[t], known=rows)
        given = {
            "y": panel.y[t].astype(np.float32),
            "covariates": rows.astype(np.float32),
            "calendar": days[k : k + span],
        }
        found, q = graphs.run(graphs.step_session, found | given | {"forecast": np.array(True)})
    same(m, found, states)
    assert off(q, predict(m, states).quantiles) < 1e-5


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    return Exported(model(PANELS["none"], horizon=24), tmp_path_factory.mktemp("daily"))


def test_meters_that_were_not_trained_on(daily):
    panel = replace(PANELS["none"], ids=("new", "meter1"))
    m, history = daily.model, daily.about["needs"]["scale"]
    found, q = daily.prime(panel, 400)
    same(m, found, prime(m, panel, 400))
    assert off(q, predict(m, prime(m, panel, 400)).quantiles) < 1e-5
    young, q = daily.prime(panel, history - 1)  # too little to tell the scale of the new one
    assert np.isnan(young["anchors"][0, 0]) and young["counts"][0, 1] == 0 and np.isnan(q).all()
    _, q = daily.streamed(young, panel, history - 1, daily.about["needs"]["forecast"])
    assert np.isnan(q[0]).all() and np.isfinite(q[1]).all()


def test_no_forecast_from_too_little_or_nothing(daily):
    panel, need = replace(PANELS["none"], y=PANELS["none"].y.copy()), daily.about["needs"]["forecast"]
    panel.y[:, 0] = np.nan
    state, q = daily.prime(panel, need - 1)
    assert np.isnan(q).all()
    _, q = daily.streamed(state, panel, need - 1, need)
    assert np.isnan(q[0]).all() and np.isfinite(q[1]).all()


def test_a_forecast_that_is_not_asked_for_is_not_worked_out(daily):
    state, _ = daily.prime(PANELS["none"], 400)
    after, none = daily.streamed(state, PANELS["none"], 400, 401, forecast=False)
    again, q = daily.streamed(state, PANELS["none"], 400, 401)
    assert none.shape == (2, 0, 11) and q.shape == (2, 24, 11)
    for name, a in after.items():
        np.testing.assert_array_equal(a, again[name])


def test_any_number_of_meters_each_alone(daily):
    panel = PANELS["none"]
    many = replace(panel, ids=tuple(f"m{k}" for k in range(30)), y=np.repeat(panel.y, 15, 1) * np.linspace(1, 2, 30))
    state, q = daily.prime(many, 500)
    _, streamed_q = daily.streamed(state, many, 500, 505)
    for k in (0, 29):
        alone = replace(many, ids=many.ids[k : k + 1], y=many.y[:, k : k + 1])
        one, one_q = daily.prime(alone, 500)
        assert off(one_q, q[k : k + 1]) < 1e-6
        assert off(daily.streamed(one, alone, 500, 505)[1], streamed_q[k : k + 1]) < 1e-6


def test_a_state_of_the_runtime_goes_on_in_the_graph(daily):
    panel, m = PANELS["none"], daily.model
    state = prime(m, panel, 400)[0]
    lone = replace(panel, ids=panel.ids[:1], y=panel.y[:, :1])
    _, q = daily.streamed(export.tensors(m, state), lone, 400, 402)
    state = advance(m, advance(m, state, panel.y[400, 0]), panel.y[401, 0])
    assert off(q, predict(m, state).quantiles[None]) < 1e-5


def test_what_the_files_say_of_themselves(tmp_path):
    m = model(PANELS["issued"], horizon=24, country="DE")
    paths = export.write(m, tmp_path / "deep" / "folder")
    assert [path.name for path in paths] == list(export.FILES)
    told = json.loads(paths[2].read_text())
    assert told == json.loads(json.dumps(export.about(m))) and sorted(tmp_path.rglob("*.part")) == []
    for path in paths[:2]:
        graph = onnx.load(path)
        onnx.checker.check_model(graph, full_check=True)
        assert [(o.domain, o.version) for o in graph.opset_import] == [("", 17)] and graph.ir_version == 8
        assert {p.key: json.loads(p.value) for p in graph.metadata_props} == {"wattcast": told}
        assert all(i.doc_string for i in (*graph.graph.input, *graph.graph.output))
        held = {i.name: i.type.tensor_type.shape.dim for i in (*graph.graph.input, *graph.graph.output)}
        for name, tensor in told["state"].items():
            assert [d.dim_value for d in held[f"next_{name}"][1:]] == tensor["shape"]
            assert held[f"next_{name}"][0].dim_param == "batch"


def test_a_network_too_large_for_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("wattcast.export.trace.LARGEST", 10_000)
    with pytest.raises(ReadingsError, match=r"The network takes .* a file of ONNX holds up to"):
        export.write(model(PANELS["none"], horizon=24), tmp_path / "graphs")
    assert not (tmp_path / "graphs").exists()


def test_the_page_names_what_goes_in_and_comes_out(tmp_path):
    text = (pages.DOCS / "onnx.md").read_text("utf-8")
    rows = {name for line in text.splitlines() for name in re.findall(r"^\| `(\w+)` \|", line)}
    found = set()
    for kind, horizon, country in (("issued", 24, "DE"), ("none", 3, None)):
        m = model(PANELS[kind], horizon=horizon, country=country)
        for path in export.write(m, tmp_path)[:2]:
            found |= {i.name for i in onnx.load(path).graph.input}
        found |= set(export.about(m)["state"])
    assert found == rows
    assert "opset 17 (IR version 8)" in text and trace.OPSET == 17 and trace.IR == 8
