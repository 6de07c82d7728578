"""Training: the same from the same seed, resumed or not; it learns, stops, and says what it cannot use."""

import gc
from dataclasses import replace
from datetime import time
from pathlib import Path
from shutil import copy

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import SMALL
from panels import load_panel
from scipy.signal import lfilter

from wattcast.features.layout import layout
from wattcast.features.signals import sizes
from wattcast.features.view import View
from wattcast.forecast import predict
from wattcast.nets.artifact import ArtifactError, load_forecaster, named
from wattcast.nets.coarse import coarse
from wattcast.nets.errors import GAINS
from wattcast.nets.forecaster import NetworkSettings, with_rules
from wattcast.nets.linear import fit_linear
from wattcast.schema import NotReady
from wattcast.train import TrainSettings, fit
from wattcast.train.compiled import optimiser_of
from wattcast.train.rules import are_few, filled, inputs_rate, layout_of
from wattcast.train.work import ground_of, prepare

PANEL = load_panel(days=40, gaps=0.02)
TRAINED = 36 * 24
NET = NetworkSettings(horizon=2, known=("temperature",), **SMALL)
TRAIN = TrainSettings(epochs=2, steps=3, batch=2, context=8)
RULED = ("hidden", "decoder", "dropout", "members")
ORIGINS = [37 * 24, 38 * 24 + 5]


def trained(panel=PANEL, net=NET, train=TRAIN, **how):
    return fit(View(panel, TRAINED, net.horizon), net, train, **how)


def same(one, other):
    """Equal bit for bit: weights, scaling, calibration, and what it says of its past but for the clock on the wall."""
    jax.tree.map(np.testing.assert_array_equal, named(one.network), named(other.network))
    np.testing.assert_array_equal(one.calibration, other.calibration)
    np.testing.assert_array_equal(one.scaling.meter, other.scaling.meter)
    np.testing.assert_array_equal(one.linear.weights, other.linear.weights)
    np.testing.assert_array_equal(one.linear.between, other.linear.between)
    assert (one.linear.share, one.linear.share_between) == (other.linear.share, other.linear.share_between)
    assert one.learning == other.learning
    pasts = [[{**e, "seconds": 0, "readings": 0} for e in f.about["history"]] for f in (one, other)]
    assert pasts[0] == pasts[1]
    return True


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole training, and its checkpoint after every epoch."""
    folder = tmp_path_factory.mktemp("run")
    seen, copies = [], []

    def progress(epoch):
        seen.append(epoch)
        copies.append(folder / f"after{len(seen)}")
        copy(folder / "checkpoint", copies[-1])

    return trained(checkpoint=folder / "checkpoint", progress=progress), seen, copies


def test_it_says_how_it_went(run):
    f, seen, _ = run
    best = f.about["best_epoch"]
    assert [(e.stage, e.epoch) for e in seen] == [("search", 1), ("search", 2)] + [
        ("final", k + 1) for k in range(best)
    ]
    assert all(np.isfinite(e.loss) and e.loss > 0 and e.readings > 0 and e.seconds > 0 for e in seen)
    assert all(np.isfinite(e.val_loss) and e.skill < 1 for e in seen[:2])
    assert all(e.val_loss is None and e.skill is None and e.epochs == best for e in seen[2:])
    assert best == 1 + int(np.argmin([e.val_loss for e in seen[:2]]))
    assert not f.layout.yearly  # forty days say nothing of the time of year
    assert f.about["until"] == PANEL.time(TRAINED).isoformat()
    assert f.about["readings"] == np.isfinite(PANEL.y[:TRAINED]).sum()
    assert len(f.about["history"]) == len(seen)


def test_the_same_seed_gives_the_same_network_and_another_another(run):
    f = run[0]
    assert same(f, trained())
    other = trained(train=TRAIN.model_copy(update={"seed": 1}))
    assert not np.array_equal(predict(other, PANEL, ORIGINS), predict(f, PANEL, ORIGINS))


def test_resumed_after_any_epoch_it_ends_where_it_would_have(run, tmp_path):
    f, seen, copies = run
    assert {e.stage for e in seen} == {"search", "final"}
    for k, interrupted in enumerate(copies):
        checkpoint, rest = tmp_path / "checkpoint", []
        copy(interrupted, checkpoint)
        assert same(trained(checkpoint=checkpoint, resume=True, progress=rest.append), f)
        assert [(e.stage, e.epoch) for e in rest] == [(e.stage, e.epoch) for e in seen[k + 1 :]]


def test_every_checkpoint_is_a_usable_model(run):
    forecasts = [predict(load_forecaster(path), PANEL, ORIGINS) for path in run[2]]
    assert all(np.isfinite(q).all() for q in forecasts)
    np.testing.assert_allclose(forecasts[-1], predict(run[0], PANEL, ORIGINS), rtol=1e-6)


def test_interrupted_by_hand_it_leaves_a_checkpoint(run, tmp_path):
    def stop(epoch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(checkpoint=tmp_path / "c", progress=stop)
    assert same(trained(checkpoint=tmp_path / "c", resume=True), run[0])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"panel": replace(PANEL, y=np.where(np.arange(960)[:, None] == 7, np.nan, PANEL.y))}, "readings"),
        ({"panel": load_panel(days=40, gaps=0.02, seed=5)}, "readings"),
        ({"net": NET.model_copy(update={"cell": "lstm"})}, "settings"),
        ({"train": TRAIN.model_copy(update={"seed": 4})}, "train"),
        ({"train": TRAIN.model_copy(update={"epochs": 5})}, "train"),
    ],
)
def test_a_checkpoint_of_another_training(change, word, run, tmp_path):
    copy(run[2][0], tmp_path / "c")
    with pytest.raises(ArtifactError, match=rf"differs in: .*{word}"):
        trained(**change, checkpoint=tmp_path / "c", resume=True)


def test_a_checkpoint_that_is_none(run, tmp_path):
    from wattcast.nets.artifact import save_forecaster

    with pytest.raises(ArtifactError, match="There is no model file"):
        trained(checkpoint=tmp_path / "none", resume=True)
    save_forecaster(run[0], tmp_path / "finished")
    with pytest.raises(ArtifactError, match="a finished model, not a checkpoint"):
        trained(checkpoint=tmp_path / "finished", resume=True)
    (tmp_path / "cut").write_bytes(run[2][0].read_bytes()[:-100])
    with pytest.raises(ArtifactError, match="not a whole wattcast model"):
        trained(checkpoint=tmp_path / "cut", resume=True)


def test_too_few_readings():
    with pytest.raises(NotReady, match="readings are too few to learn a forecast 24 steps ahead: about"):
        fit(View(PANEL, 9 * 24, 24), NET.model_copy(update={"horizon": 24}), TRAIN)


def test_what_follows_does_not_reach_it(run):
    y = PANEL.y.copy()
    y[TRAINED:] = 1e9
    assert same(trained(replace(PANEL, y=y)), run[0])


def test_gaps_and_a_meter_without_readings():
    panel = load_panel(days=40, gaps=0.4)
    panel.y[:, 1] = np.nan
    f = trained(panel)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(named(f.network)))
    assert all(np.isfinite(e["loss"]) for e in f.about["history"])
    assert np.isfinite(predict(f, panel, ORIGINS)[:, :, 0]).all()


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_point_losses(loss):
    f = trained(net=NET.model_copy(update={"loss": loss}), train=TRAIN.model_copy(update={"epochs": 1, "final": False}))
    q = predict(f, PANEL, ORIGINS)
    assert np.isfinite(q).all()
    np.testing.assert_allclose(q, np.repeat(q[..., :1], 11, axis=-1))


@pytest.fixture(scope="module")
def learned():
    """A day ahead, several meters and members, for long enough to learn something."""
    panel = load_panel(days=100, meters=3)
    net = NetworkSettings(horizon=24, known=("temperature",), hidden=(8,), decoder=8, dropout=0.3, members=2)
    train = TrainSettings(epochs=6, steps=25, batch=8, context=14, ema=0.9, learning_rate=0.01, final=False)
    return fit(View(panel, 90 * 24, 24), net, train), panel


def test_a_day_ahead_resumed_it_ends_where_it_would_have(tmp_path):
    """With the linear path, its share, days that begin at nine and holidays by meter."""
    net = NET.model_copy(update={"horizon": 24, "at": time(9), "country": {"meter0": "DE"}})
    copies = []

    def progress(epoch):
        copies.append(tmp_path / f"after{len(copies)}")
        copy(tmp_path / "c", copies[-1])

    f = trained(net=net, checkpoint=tmp_path / "c", progress=progress)
    assert f.linear.share > 0 and f.linear.weights.shape[0] == 1  # two weeks of days are not enough for more
    assert (f.settings.at, f.settings.country) == (time(9), {"meter0": "DE"})
    for interrupted in (copies[0], copies[-1]):
        copy(interrupted, tmp_path / "c")
        assert same(trained(net=net, checkpoint=tmp_path / "c", resume=True), f)
        assert np.isfinite(predict(load_forecaster(interrupted), PANEL, ORIGINS)).all()


def test_what_follows_does_not_reach_the_linear_path():
    net, train = NET.model_copy(update={"horizon": 24}), TRAIN.model_copy(update={"epochs": 1, "final": False})
    y = PANEL.y.copy()
    y[TRAINED:] = 1e9
    f = trained(net=net, train=train)
    assert f.linear.share > 0 and same(trained(replace(PANEL, y=y), net, train), f)
    # without the final stage it has not seen the tail either
    tail = PANEL.y.copy()
    tail[TRAINED - 100 : TRAINED] *= 3
    np.testing.assert_array_equal(trained(replace(PANEL, y=tail), net, train).linear.weights, f.linear.weights)


def test_between_two_advances_a_path_of_its_own_speaks():
    """Load that hangs on the readings of an hour before: an untrained network says the same hour of the week before."""
    y, rng = np.full_like(PANEL.y, 20.0), np.random.default_rng(0)
    for t in range(1, len(y)):
        y[t] = 20 + 0.97 * (y[t - 1] - 20) + rng.normal(0, 1, y.shape[1])
    panel = replace(PANEL, y=y)
    net, train = NET.model_copy(update={"horizon": 24}), TRAIN.model_copy(update={"epochs": 1, "final": False})
    f = trained(panel, net, train)
    assert f.linear.share_between > 0.3 and f.linear.between.shape == (f.layout.history, 24)
    origins = [TRAINED + 5, TRAINED + 17]
    without = replace(f, linear=replace(f.linear, share_between=0.0))
    errors = [
        np.abs(predict(g, panel, origins)[..., 5] - y[np.add.outer(origins, np.arange(24))]).mean()
        for g in (f, without)
    ]
    assert errors[0] < 0.9 * errors[1]
    later = y.copy()
    later[TRAINED:] = 1e9
    assert same(trained(replace(panel, y=later), net, train), f)


def test_a_network_that_will_learn_from_the_tail_as_well_is_left_more_to_say():
    net, train = NET.model_copy(update={"horizon": 24}), TRAIN.model_copy(update={"epochs": 1})
    alone, first = (trained(net=net, train=train.model_copy(update={"final": f})).linear for f in (False, True))
    assert alone.share_between > first.share_between > 0


@pytest.mark.parametrize("wandering", [True, False])
def test_between_two_advances_the_drift_counts_as_much_as_helps_on_the_tail(wandering):
    y, rng = PANEL.y.copy(), np.random.default_rng(0)
    if wandering:  # a week is no guide, and neither is a network that is hardly trained
        y[:] = 20 + lfilter([1], [1, -0.97], rng.normal(0, 1, y.shape), axis=0)
    else:  # what wanders are the hours after midnight of load that is not rough, which says nothing of other hours
        smooth = lfilter(np.ones(6) / 6, [1], load_panel(days=40).y, axis=0)
        days = lfilter([1], [1, -0.97], rng.normal(0, 0.03, (40, 2)), axis=0)
        night = np.repeat(days, 24, axis=0) * (np.arange(len(y)) % 24 < 3)[:, None]
        y = np.where(np.isfinite(y), smooth * (1 + night), np.nan)
    panel, net = replace(PANEL, y=y), NET.model_copy(update={"horizon": 24})
    f = trained(panel, net, TRAIN.model_copy(update={"epochs": 1, "final": False}))
    origins = [t for t in range(panel.index(f.learning.since), TRAINED - 24) if t % 24]
    came = y[np.add.outer(origins, np.arange(24))]

    def error(gain):
        other = replace(f, learning=replace(f.learning, between=gain))
        return float(np.nanmean(np.abs(predict(other, panel, origins)[..., 5] - came)))

    best = min(GAINS, key=error)
    assert f.learning.gain > 0 and f.learning.between == best == (1.0 if wandering else 0.0)


def test_a_short_horizon_has_no_linear_path(run):
    assert run[0].linear.share == 0 and run[0].linear.weights.size == 0


def test_weights_on_many_inputs_learn_slowly():
    day, month = (layout(day=24, horizon=h, weekly=True) for h in (24, 720))
    assert inputs_rate(day, 2) == 1.0 == inputs_rate(layout(day=24, horizon=5, weekly=True), 2)
    rate = inputs_rate(month, 2)
    assert rate == (sizes(day, 2)[0] / sizes(month, 2)[0]) ** 2 < 0.01
    moved = []
    for share in (1.0, rate):
        weights = prepare(View(PANEL, TRAINED, 2), NET, TRAIN).start.params
        optimiser = optimiser_of(filled(TRAIN, day, few=True), share)
        gradients = jax.tree.map(jnp.ones_like, weights)
        state = optimiser.init(weights)
        with jax.numpy_dtype_promotion("standard"):
            for _ in range(2):  # the first step of a warm-up is none
                update, state = optimiser.update(gradients, state, weights)
        moved.append(update)
    fast, slow = moved
    assert np.abs(fast.embed).min() > 0 and np.abs(fast.out).min() > 0
    for name in ("embed", "skip"):
        np.testing.assert_allclose(getattr(slow, name), rate * getattr(fast, name), rtol=1e-5)
    np.testing.assert_array_equal(slow.out, fast.out)


def test_rules_by_horizon():
    bare = NetworkSettings()
    days, steps = (
        with_rules(bare, layout(day=24, horizon=h, weekly=True)).model_dump(include={*RULED}) for h in (24, 2)
    )
    assert days == dict(zip(RULED, ((128,), 64, 0.4, 3), strict=True))
    assert steps == dict(zip(RULED, ((48,), 16, 0.2, 1), strict=True))
    for habits, kinds, hidden in (
        (True, {"rough": True}, 128), (True, {"few": True}, 128), (True, {"rough": True, "few": True}, 32),
        (False, {"rough": True, "few": True}, 16), (False, {"few": True}, 128),
    ):  # fmt: skip
        assert with_rules(bare, layout(day=24, horizon=24, weekly=True, habits=habits), **kinds).hidden == (hidden,)
    day = layout(day=24, horizon=24, weekly=True)
    for many, rough, steps in (
        (1_999, False, 40), (2_000, False, 100), (2_000, True, 40), (9_999, True, 40), (10_000, True, 100),
    ):  # fmt: skip
        assert filled(TrainSettings(), day, few=are_few(many, rough=rough)).steps == steps
    some = with_rules(NetworkSettings(members=2, dropout=0.0), layout(day=24, horizon=24, weekly=True))
    assert (some.members, some.dropout, some.hidden) == (2, 0.0, (128,))
    short = trained(train=TrainSettings(epochs=1, batch=2, context=8, final=False)).about["train"]
    assert (short["steps"], short["learning_rate"]) == (40, 5e-3)
    asked = TrainSettings(epochs=1, steps=3, learning_rate=1e-3, batch=2, context=8, final=False)
    said = trained(train=asked).about["train"]
    assert (said["steps"], said["learning_rate"]) == (3, 1e-3)


def test_it_learns(learned):
    f, _ = learned
    best = f.about["history"][f.about["best_epoch"] - 1]
    assert best["skill"] > 0.3  # of repeating the same day of the week before
    assert best["loss"] < f.about["history"][0]["loss"]


def test_what_it_learned_holds_on_days_it_never_saw(learned):
    f, panel = learned
    origins = [d * 24 for d in range(90, 99)]
    y = np.stack([panel.y[o : o + 24] for o in origins])
    week = np.stack([panel.y[o - 168 : o - 144] for o in origins])
    q = predict(f, panel, origins)
    error = np.abs(y - q[..., 5]).mean(axis=(0, 1)) / np.abs(y - week).mean(axis=(0, 1))
    assert (error < 0.8).all()  # for each of the meters, small and large
    assert 0.6 < ((y >= q[..., 1]) & (y <= q[..., -2])).mean() < 0.95


def test_it_stops_when_nothing_gets_better():
    still = TRAIN.model_copy(update={"epochs": 9, "patience": 2, "learning_rate": 1e-30, "ema": 0.0, "final": False})
    f = trained(train=still)
    assert f.about["best_epoch"] == 1 and len(f.about["history"]) == 3


def test_a_carried_state_trains_too_and_otherwise(run):
    """Lanes run over the end of the readings and begin anew: 3 batches of 300 advances do not fit in 800."""
    carried = TRAIN.model_copy(update={"stateful": True, "context": 300})
    f = trained(train=carried)
    assert same(f, trained(train=carried))
    assert all(np.isfinite(e["loss"]) for e in f.about["history"])
    assert not np.array_equal(predict(f, PANEL, ORIGINS), predict(run[0], PANEL, ORIGINS))


@pytest.mark.parametrize(("days", "fortnight"), [(36, False), (55, False), (56, True)])
def test_short_readings_spare_no_second_week_before_the_first_forecast(days, fortnight):
    view = View(load_panel(days=60), days * 24, 24)
    assert layout_of(view, NetworkSettings(horizon=24)).fortnight is fortnight
    assert layout_of(view, NetworkSettings(horizon=2)).fortnight  # steps look at one week anyway


@pytest.mark.parametrize(("days", "habits"), [(499, False), (500, True)])
def test_many_days_of_many_meters_show_habits(days, habits):
    """Two meters; what is told of habits is asked of a wider decoder."""
    view = View(replace(PANEL, y=np.zeros((1000 * 24, 2))), days * 24, 24)
    lay = layout_of(view, NetworkSettings(horizon=24))
    assert lay.habits is habits
    assert with_rules(NetworkSettings(horizon=24), lay).decoder == (64 if habits else 32)
    assert not layout_of(view, NetworkSettings(horizon=2)).habits


def test_rough_days_are_learned_in_parts(tmp_path):
    """Weights of a part are alike in what comes out and in a resumed training; a warm start takes them as they are."""
    y = PANEL.y[:, :1] * np.random.default_rng(0).uniform(0.2, 1.8, (PANEL.length, 1))
    rough = replace(PANEL, y=y, covariates=PANEL.covariates[:, :1], ids=PANEL.ids[:1])
    net, copies = NET.model_copy(update={"horizon": 24}), []

    def progress(epoch):
        copies.append(copy(tmp_path / "c", tmp_path / f"c{len(copies)}"))

    f = trained(rough, net, checkpoint=tmp_path / "c", progress=progress)
    tie = coarse(rough.y[:TRAINED], f.layout)
    assert tie.each == 2 and tie.is_tied(f.network)
    assert same(trained(rough, net, checkpoint=copies[0], resume=True), f)
    weights = np.asarray(f.network.embed) + np.linspace(0, 1, f.network.embed.shape[1])[:, None]
    free = replace(f, network=eqx.tree_at(lambda n: n.embed, f.network, jnp.asarray(weights)))
    view = View(rough, TRAINED, 24)
    assert [prepare(view, net, TRAIN, go_on).coarse.each for go_on in (None, f, free)] == [2, 2, 1]
    for loss, medians in (("pinball", True), ("mse", False)):
        work = prepare(view, net.model_copy(update={"loss": loss}), TRAIN)
        path = fit_linear(work.before[1], work.lay, 1, work.plan.split, 1, rough=medians)
        np.testing.assert_array_equal(ground_of(work, "search").linear.weights, path.weights)
    # a home alone wants a small network, unless what it goes on from has another size
    bare, weeks = NetworkSettings(horizon=24, known=("temperature",)), np.arange(PANEL.length) % 168
    smooth = View(replace(rough, y=rough.y[weeks]), TRAINED, 24)
    sizes = [
        prepare(*told, bare, TRAIN, go_on).net.hidden for *told, go_on in ((view, None), (smooth, None), (view, f))
    ]
    assert sizes == [(16,), (128,), (4,)]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counts the memory maps that Linux tells of")
def test_what_a_training_compiled_goes_with_it():
    """Code of XLA is hundreds of memory maps and Linux kills a process of 65,530: refits day by day for a year."""

    def maps():
        gc.collect()
        return len(Path("/proc/self/maps").read_text(encoding="utf-8").splitlines())

    trained()
    before = maps()
    for _ in range(2):
        trained()
    assert maps() < before + 100
