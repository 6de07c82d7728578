"""The rules of docs/artifact.md on files written once: read as they are for good, or refused in a sentence."""

import json

import numpy as np
import pytest
from networks import untrained
from panels import load_panel
from safetensors.numpy import load, save
from stored_models import DATA, ORIGINS, STORED, readings

from wattcast import forecast, runtime
from wattcast.nets.artifact import ArtifactError, load_forecaster, save_forecaster, stored
from wattcast.nets.file import ARRAYS, OPTIONAL, SETTINGS, VERSION, read
from wattcast.nets.forecaster import NetworkSettings


def wanted(name):
    """What a stored model said when it was written `[origin, horizon, meter, quantile]`, and its fingerprint."""
    told = json.loads((DATA / f"{name}.json").read_text())
    return np.array(told["quantiles"]).reshape(told["shape"]), int(told["fingerprint"], 16)


def live(path):
    """The forecasts of the runtime, in the same order of axes."""
    model = runtime.load(path)
    said = [runtime.predict(model, runtime.prime(model, readings(), t)).quantiles for t in ORIGINS]
    return np.stack(said).swapaxes(1, 2), model.fingerprint


def near(found, wanted):
    size = np.abs(wanted).mean(axis=(0, 1, 3), keepdims=True)
    return float((np.abs(found - wanted) / size).max()) < 1e-5


def with_more(path, change=lambda header: None, **arrays):
    """The bytes of a file with a header that `change` changed, and further arrays."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["wattcast"])
    change(header)
    more = {name.replace("__", "/"): a for name, a in arrays.items()}
    return save(load(content) | more, metadata={"wattcast": json.dumps(header), "another program": "its own"})


@pytest.mark.parametrize("name", STORED)
def test_it_gives_the_forecast_it_gave_when_it_was_written(name):
    path = DATA / f"{name}.safetensors"
    quantiles, fingerprint = wanted(name)
    said, print_ = live(path)
    assert near(said, quantiles) and print_ == fingerprint  # states that were saved stay good
    f = load_forecaster(path)
    assert near(forecast.predict(f, readings(), ORIGINS), quantiles)
    assert forecast.live(f).fingerprint == fingerprint


@pytest.mark.parametrize("name", STORED)
def test_keys_and_arrays_that_are_not_known_change_nothing(name, tmp_path):
    def more(header):
        header["later"] = {"tables": [1, 2]}
        header["about"]["later"] = "words"

    noise = np.random.default_rng(0).normal(size=(2, 3))
    content = with_more(
        DATA / f"{name}.safetensors", more, later=np.arange(3), network__later=noise.astype(np.float32),
        scaling__later=noise, linear__later=np.zeros(0), calibration_later=noise,
    )  # fmt: skip
    (tmp_path / "m").write_bytes(content)
    quantiles, fingerprint = wanted(name)
    said, print_ = live(tmp_path / "m")
    assert near(said, quantiles) and print_ == fingerprint
    f = load_forecaster(tmp_path / "m")
    assert f.about["later"] == "words" and near(forecast.predict(f, readings(), ORIGINS), quantiles)
    assert "later" not in read(tmp_path / "m")[0]


@pytest.mark.parametrize("table", ["settings", "layout"])
def test_settings_that_are_not_known_are_refused(table, tmp_path):
    """They may change what the network means, and a forecast that is wrong in silence is worse than none."""
    path = tmp_path / "m"
    path.write_bytes(with_more(DATA / "format_2_steps.safetensors", lambda header: header[table].update(later=1)))
    for door in (runtime.load, load_forecaster):
        with pytest.raises(ArtifactError, match="a newer wattcast may know it"):
            door(path)


def test_the_version_before_is_refused():
    for door in (runtime.load, load_forecaster):
        with pytest.raises(ArtifactError, match=r"has model format 1 of an older wattcast.*train it again"):
            door(DATA / "format_1.safetensors")


def test_a_later_version_is_refused(tmp_path):
    path = tmp_path / "m"
    later = VERSION + 1
    path.write_bytes(with_more(DATA / "format_2_steps.safetensors", lambda header: header.update(version=later)))
    for door in (runtime.load, load_forecaster):
        with pytest.raises(ArtifactError, match=f"model format {later}, this wattcast reads up to {VERSION}"):
            door(path)


def test_there_are_stored_files_of_the_format_of_today():
    assert {name.split("_")[1] for name in STORED} >= {str(VERSION)}


def test_what_the_file_lists_is_what_is_written():
    """Settings and arrays are listed once more where JAX is not known."""
    assert SETTINGS == set(NetworkSettings.model_fields)
    tensors, header = stored(load_forecaster(DATA / "format_2_days.safetensors"))
    assert {name for name in tensors if not name.startswith("network/")} == set(ARRAYS)
    tensors, _ = stored(load_forecaster(DATA / "format_4_between.safetensors"))
    assert {name for name in tensors if not name.startswith("network/")} == {*ARRAYS, *OPTIONAL}
    assert set(header["layout"]) == {"day", "gap", "horizon", "weekly", "yearly"}


@pytest.mark.parametrize("fortnight", [True, False])
def test_a_layout_of_one_week_back_is_told_comes_back_and_is_streamed(tmp_path, fortnight):
    grid = load_panel(days=52, temperature=False)
    f, path = untrained(grid, fortnight=fortnight), tmp_path / "m"
    assert stored(f)[1]["layout"].get("fortnight") is (None if fortnight else False)
    save_forecaster(f, path)
    assert load_forecaster(path).layout is f.layout
    model, origin = runtime.load(path), 50 * 24
    streamed = runtime.predict(model, runtime.prime(model, grid, origin)).quantiles
    np.testing.assert_allclose(
        streamed, np.swapaxes(forecast.predict(f, grid, [origin])[0], 0, 1), rtol=1e-4, atol=1e-4
    )
