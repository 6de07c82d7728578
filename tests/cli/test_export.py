"""`wattcast export --onnx`: from a model file to graphs that say what the runtime says."""

import json
import sys

import pytest
from export.onnx_models import Exported
from panels import load_panel
from runtime.models import off, stored_model
from safetensors.numpy import save

from wattcast import runtime

PANEL = load_panel(days=30, temperature=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model file whose weights nobody trained."""
    path = tmp_path_factory.mktemp("model") / "load.wattcast"
    tensors, header = stored_model(PANEL)
    path.write_bytes(save(tensors, metadata={"wattcast": json.dumps(header)}))
    return path


def test_a_model_file_says_the_same_in_onnxruntime(run, model, folder):
    told = json.loads(run("export", model, "--onnx", "-o", "graphs", "--json").stdout)
    assert {p.name: p.stat().st_size for p in (folder / "graphs").iterdir()} == told["files"]
    assert set(told["files"]) == {"prime.onnx", "step.onnx", "model.json"}
    m = runtime.load(model)
    _, q = Exported(m, folder / "graphs", written=True).prime(PANEL, PANEL.length)
    assert off(q, runtime.predict(m, runtime.prime(m, PANEL)).quantiles) < 1e-5


def test_the_folder_is_named_after_the_model(run, model, folder):
    (folder / "load.wattcast").write_bytes(model.read_bytes())
    said = run("export", "load.wattcast", "--onnx").stdout
    assert said.startswith("load-onnx: prime.onnx (") and (folder / "load-onnx" / "step.onnx").is_file()


def test_without_a_kind_without_a_model_into_a_file(run, model, folder):
    assert run("export", model).exit_code == 2 and "--onnx" in run("export", model).stderr
    done = run("export", "nope.wattcast", "--onnx")
    assert done.exit_code == 3 and "There is no model file nope.wattcast" in done.stderr
    (folder / "taken").touch()
    assert "is a file; name a folder" in run("export", model, "--onnx", "-o", "taken").stderr
    assert sorted(p.name for p in folder.iterdir()) == ["taken"]


def test_without_the_extra(run, model, folder, monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "onnx" or n.startswith("wattcast.export.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    done = run("export", model, "--onnx", "-o", "graphs")
    assert done.exit_code == 3 and "pip install 'wattcast[onnx]'" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize("turn", [1, 2])
def test_a_disk_that_is_full_leaves_what_was_there(run, model, folder, monkeypatch, turn):
    assert run("export", model, "--onnx", "-o", "graphs").exit_code == 0
    before = {p.name: p.read_bytes() for p in (folder / "graphs").iterdir()}
    written = []

    def full(path, data):
        written.append(path)
        if len(written) == turn:
            raise OSError(28, "No space left on device")
        return len(data)

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    done = run("export", model, "--onnx", "-o", "graphs")
    assert done.exit_code == 3 and "No space left" in done.stderr
    assert {p.name: p.read_bytes() for p in (folder / "graphs").iterdir()} == before
