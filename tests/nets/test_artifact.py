"""Model files: whole or refused, the same forecast in any process, no crash on any bytes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import time, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import untrained
from panels import load_panel
from safetensors import safe_open
from safetensors.numpy import save

from wattcast.forecast import predict
from wattcast.nets import artifact
from wattcast.nets.artifact import VERSION, ArtifactError, load_forecaster, named, save_forecaster
from wattcast.nets.forecaster import Forecaster

PANEL = load_panel(days=40)
ORIGINS = [35 * 24, 35 * 24 + 5]


@pytest.fixture(scope="module")
def made():
    return untrained(PANEL, members=2, country="DE")


@pytest.fixture(scope="module")
def content(made, tmp_path_factory):
    """Bytes of a whole file."""
    path = tmp_path_factory.mktemp("model") / "a.wattcast"
    save_forecaster(made, path)
    return path.read_bytes()


@pytest.fixture
def path(content, tmp_path):
    path = tmp_path / "model.wattcast"
    path.write_bytes(content)
    return path


def refused(path):
    """The one sentence a file is refused with."""
    with pytest.raises(ArtifactError) as e:
        load_forecaster(path)
    text = str(e.value)
    assert str(path) in text and text.endswith(".") and "\n" not in text
    return text


def test_what_comes_back_is_what_went(made, path):
    back = load_forecaster(path)
    ours, theirs = named(made.network), named(back.network)
    assert ours.keys() == theirs.keys() and len(ours) > 10
    for name, leaf in ours.items():
        np.testing.assert_array_equal(leaf, theirs[name])
    for name in ("meter", "mean", "std", "hinges"):
        np.testing.assert_array_equal(getattr(made.scaling, name), getattr(back.scaling, name))
    np.testing.assert_array_equal(made.calibration, back.calibration)
    np.testing.assert_array_equal(made.linear.weights, back.linear.weights)
    assert made.linear.share == back.linear.share > 0
    for name in ("settings", "layout", "ids", "step", "zone", "unit", "about"):
        assert getattr(back, name) == getattr(made, name)
    np.testing.assert_array_equal(predict(made, PANEL, ORIGINS), predict(back, PANEL, ORIGINS))


@pytest.mark.parametrize(
    "more", [{"horizon": 2, "gap": 1, "cell": "lstm"}, {"horizon": 30, "loss": "mse", "hidden": (3, 3)}]
)
def test_other_networks_come_back_as_well(more, tmp_path):
    f = untrained(PANEL, **more)
    save_forecaster(f, tmp_path / "m")
    back = load_forecaster(tmp_path / "m")
    assert back.settings == f.settings and back.layout is f.layout


def test_a_fresh_process_gives_the_same_forecast(made, path, tmp_path):
    script = (
        "import sys, numpy as np; sys.path.insert(0, sys.argv[1])\n"
        "from panels import load_panel\n"
        "from wattcast.forecast import predict\n"
        "from wattcast.nets.artifact import load_forecaster\n"
        f"np.save(sys.argv[3], predict(load_forecaster(sys.argv[2]), load_panel(days=40), {ORIGINS}))"
    )
    here, out = os.path.dirname(os.path.dirname(__file__)), tmp_path / "q.npy"
    subprocess.run([sys.executable, "-c", script, here, path, out], check=True)
    np.testing.assert_allclose(np.load(out), predict(made, PANEL, ORIGINS), rtol=1e-6)


def test_nothing_of_it_is_code(content):
    assert content[8:9] == b"{" and b"pickle" not in content


def test_extra_arrays_and_progress(made, tmp_path):
    save_forecaster(made, tmp_path / "m", extra={"state/a": np.arange(3)}, progress={"epoch": 2})
    tensors, meta = artifact.read(tmp_path / "m")
    np.testing.assert_array_equal(tensors["state/a"], np.arange(3))
    assert meta["progress"] == {"epoch": 2}
    assert isinstance(load_forecaster(tmp_path / "m"), Forecaster)


def rewritten(path, *, header=None, tensors=None):
    """Writes the file again after `header(meta)` and `tensors(arrays)` changed what it holds."""
    with safe_open(path, framework="numpy") as file:
        meta = json.loads(file.metadata()["wattcast"])
        arrays = {k: file.get_tensor(k) for k in file.keys()}
    for change, of in ((header, meta), (tensors, arrays)):
        if change is not None:
            change(of)
    path.write_bytes(save(arrays, metadata={"wattcast": json.dumps(meta)}))


def test_a_missing_file(tmp_path):
    assert "There is no model file" in refused(tmp_path / "none")


def test_a_directory(tmp_path):
    refused(tmp_path)


@pytest.mark.parametrize("bytes_", [b"", b"\0" * 8, b"unique_id,ds,y\n", b"PK\x03\x04" * 100, b"\xff" * 64])
def test_not_a_model(bytes_, path):
    path.write_bytes(bytes_)
    assert "not a whole wattcast model" in refused(path)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.99])
def test_cut_short(share, content, path):
    path.write_bytes(content[: int(share * len(content))])
    assert "not a whole wattcast model" in refused(path)


def test_safetensors_of_another_program(path):
    path.write_bytes(save({"w": np.zeros(3)}))
    assert "safetensors of another program" in refused(path)


@pytest.mark.parametrize("header", ["not json", "[]", "{}", '{"version": "x"}', "[" * 100_000])
def test_a_header_that_is_not_ours(header, path):
    path.write_bytes(save({"w": np.zeros(3)}, metadata={"wattcast": header}))
    assert "not a w" in refused(path)


def test_a_newer_version(path):
    rewritten(path, header=lambda m: m.update(version=VERSION + 1))
    assert f"has model format {VERSION + 1}, this wattcast reads up to {VERSION}; update wattcast" in refused(path)


def test_an_older_version(path):
    rewritten(path, header=lambda m: m.update(version=1))
    said = refused(path)
    assert "has model format 1 of an older wattcast" in said and "train it again with `wattcast fit`" in said


def test_a_table_of_countries_and_the_start_of_days_come_back(tmp_path):
    f = untrained(PANEL, country={"meter0": "DE"}, at=time(9, 30))
    save_forecaster(f, tmp_path / "m")
    back = load_forecaster(tmp_path / "m")
    assert back.settings == f.settings and back.settings.at == time(9, 30)
    np.testing.assert_array_equal(predict(f, PANEL, ORIGINS), predict(back, PANEL, ORIGINS))


@pytest.mark.parametrize(
    "weights",
    [
        lambda w: w[:-1],  # neither one matrix nor one a meter and another
        lambda w: w[:, :-1],
        lambda w: w[..., :-1],
        lambda w: w[0],
        lambda w: w[:0],
        lambda w: w.astype(np.float64),
        lambda w: w.astype(np.int32),
        lambda w: np.zeros((0, 10**9, 10**9), np.float32),
        lambda w: np.float32(3),
    ],
)
def test_linear_paths_that_do_not_fit(weights, path):
    rewritten(path, tensors=lambda a: a.update({"linear/weights": np.array(weights(a["linear/weights"]))}))
    assert "linear" in refused(path)


def test_one_matrix_for_all_meters_is_a_linear_path(path):
    rewritten(path, tensors=lambda a: a.update({"linear/weights": a["linear/weights"][-1:].copy()}))
    assert np.isfinite(predict(load_forecaster(path), PANEL, ORIGINS)).all()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf"), "much", None, [0.5], 10**400])
def test_shares_of_the_linear_path_that_make_no_sense(share, path):
    rewritten(path, header=lambda m: m.update(linear_share=share))
    refused(path)


@pytest.mark.parametrize(
    "weights",
    [
        lambda w: w[:-1],
        lambda w: w[:, :-1],
        lambda w: w[0],
        lambda w: w.astype(np.float64),
        lambda w: w * np.float32(np.inf),
        lambda w: np.zeros((0, 10**9), np.float32),
    ],
)
def test_paths_between_advances_that_do_not_fit(weights, path):
    with np.errstate(invalid="ignore"):
        rewritten(path, tensors=lambda a: a.update({"linear/between": np.array(weights(a["linear/between"]))}))
    assert "between" in refused(path)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "much", None, [0.5]])
def test_shares_between_advances_that_make_no_sense(share, path):
    rewritten(path, header=lambda m: m.update(between_share=share))
    refused(path)


def test_a_share_of_no_path_between_advances(path):
    rewritten(path, tensors=lambda a: a.pop("linear/between"))
    assert "between two advances is missing" in refused(path)
    rewritten(path, header=lambda m: m.pop("between_share"))
    assert load_forecaster(path).linear.between.size == 0


def test_a_linear_path_where_the_layout_has_none(tmp_path):
    save_forecaster(untrained(PANEL, horizon=2), tmp_path / "m")
    rewritten(tmp_path / "m", header=lambda m: m.update(linear_share=0.5))
    assert "linear path is empty" in refused(tmp_path / "m")
    rewritten(tmp_path / "m", tensors=lambda a: a.update({"linear/weights": np.zeros((1, 3, 2), np.float32)}))
    assert "'linear/weights' has shape (1, 3, 2)" in refused(tmp_path / "m")


@pytest.mark.parametrize("key", ["settings", "layout", "ids", "step_seconds", "zone", "about", "linear_share"])
def test_a_header_without(key, path):
    rewritten(path, header=lambda m: m.pop(key))
    assert repr(key) in refused(path)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("settings", {"cell": "transformer"}, "setting cell"),
        ("settings", {"new": 1}, "setting new"),
        ("settings", {"horizon": 25}, "25 steps ahead"),
        ("settings", {"hidden": [0]}, "setting hidden"),
        ("settings", {"hidden": [5]}, "expected [2, 5, gates]"),
        ("settings", {"hidden": None}, "setting hidden"),
        ("settings", {"members": 3}, "expected [3, 4, gates]"),
        ("settings", {"decoder": 4}, "expected float32"),
        ("layout", {"day": 0}, "make no layout"),
        ("layout", {"day": 86_400, "horizon": 86_400}, "make no layout"),
        ("layout", {"horizon": "many"}, "make no layout"),
        ("layout", {"day": 48}, ""),
        ("layout", {"weekly": False}, ""),
    ],
)
def test_settings_that_do_not_fit(key, value, word, path):
    rewritten(path, header=lambda m: m[key].update(value))
    assert word in refused(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step_seconds", 0),
        ("step_seconds", float("nan")),
        ("step_seconds", float("inf")),
        ("step_seconds", 900),
        ("step_seconds", 1e300),
        ("ids", ["one"]),
        ("ids", 3),
        ("zone", "Europe/Nowhere"),
        ("zone", 5),
        ("zone", "../x"),
        ("about", 3),
        ("layout", 3),
        ("settings", [1]),
    ],
)
def test_headers_that_make_no_sense(key, value, path):
    rewritten(path, header=lambda m: m.update({key: value}))
    refused(path)


@pytest.mark.parametrize(
    "name", ["network/skip", "network/stack/cells/0/weights/u", "network/meters", "scaling/meter", "calibration"]
)
def test_arrays_missing_or_of_another_shape(name, path, content):
    rewritten(path, tensors=lambda a: a.pop(name))
    assert f"array '{name}' is missing" in refused(path)
    path.write_bytes(content)
    rewritten(path, tensors=lambda a: a.update({name: a[name][:-1]}))
    assert f"array '{name}'" in refused(path)


def test_arrays_of_another_type(path):
    rewritten(path, tensors=lambda a: a.update({"network/skip": a["network/skip"].astype(np.float16)}))
    assert "float16" in refused(path)


def test_a_failed_write_leaves_the_old_file(made, path, content, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(artifact.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        save_forecaster(replace(made, step=timedelta(hours=2)), path)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_write_that_is_interrupted_leaves_the_old_file(made, path, content, monkeypatch):
    def cut(self, data):
        with open(self, "wb") as file:
            file.write(data[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "write_bytes", cut)
    with pytest.raises(KeyboardInterrupt):
        save_forecaster(made, path)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


ONCE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def loads_or_is_refused(path):
    try:
        assert isinstance(load_forecaster(path), Forecaster)
    except ArtifactError as e:
        assert str(e).endswith(".") and "\n" not in str(e)


@ONCE
@given(data=st.binary(max_size=200))
def test_random_bytes(data, tmp_path):
    (tmp_path / "m").write_bytes(data)
    refused(tmp_path / "m")


@ONCE
@given(data=st.data())
def test_flipped_bits_and_cuts(data, content, tmp_path):
    """Most of what can go wrong lies in the header, so most flips go there."""
    header = int.from_bytes(content[:8], "little") + 8
    broken = bytearray(content)
    where = st.integers(0, header - 1) | st.integers(0, len(content) - 1)
    for k in data.draw(st.lists(where, min_size=1, max_size=4)):
        broken[k] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "m").write_bytes(broken[: data.draw(st.just(len(broken)) | st.integers(0, len(broken)))])
    loads_or_is_refused(tmp_path / "m")
