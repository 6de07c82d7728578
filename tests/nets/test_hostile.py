"""Model files from anywhere: each way of opening one takes it or refuses it in one sentence, and takes no memory."""

from __future__ import annotations

import json
import os
import tracemalloc

import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from stored_models import DATA

import wattcast
from wattcast import runtime
from wattcast.cli.inspect import command
from wattcast.nets.artifact import load_forecaster
from wattcast.nets.file import ARRAYS, PARTS, ArtifactError

WHOLE = (DATA / "format_2_steps.safetensors").read_bytes()
BEGIN = int.from_bytes(WHOLE[:8], "little") + 8
HEADER = json.loads(json.loads(WHOLE[8:BEGIN])["__metadata__"]["wattcast"])
MODEL = {"mae": 1.0, "rmse": 1.0, "mape": None, "mase": 1.0, "pinball_rel": 0.1, "coverage_80": 0.8}
TEST = {"mae": {"low": 0.1, "high": 0.2, "verdict": "better"}}
HEADER["about"] |= {
    "train": {"seed": 0}, "best_epoch": 1,
    "scores": {
        "models": {"wattcast": MODEL, "ridge": MODEL}, "skill": {"ridge": {"mae": 0.1}}, "tests": {"ridge": TEST},
    },
}  # fmt: skip
TENSORS = load(WHOLE)


def written(path, header=HEADER, tensors=TENSORS):
    """A file of this header and these arrays."""
    path.write_bytes(save(tensors, metadata={"wattcast": header if isinstance(header, str) else json.dumps(header)}))


def takes(door, path):
    """Whether a way of opening takes the file; anything but one printable sentence is raised."""
    try:
        door(path)
    except ArtifactError as e:
        said = str(e)
        assert said.startswith((str(path), "There is no")) and said.endswith(".") and said.isprintable()
        assert len(said) < 1000
        return False
    return True


def version(path):
    """The format that a file's header says it has: a changed header can be a sound one of another format."""
    whole = path.read_bytes()
    table = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    return json.loads(table["__metadata__"]["wattcast"])["version"]


def inspects(path, capsys):
    """Whether `wattcast inspect` takes it, in words and as JSON."""
    codes = set()
    for as_json in (True, False):
        capsys.readouterr()
        try:
            command(path, as_json)
            codes.add(0)
        except typer.Exit as e:
            codes.add(e.exit_code)
        said = capsys.readouterr()
        assert not {"\x1b", "\x9b"} & set(said.out + said.err)
        if codes == {0} and as_json:
            assert json.loads(said.out)["format"] == version(path)
        if 3 in codes:
            assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert codes in ({0}, {3})
    return codes == {0}


def same_verdict(path, capsys, *, plain=False):
    """Both ways of loading agree; `inspect` refuses beside that only scores that are none.

    With `plain`, what is as it was for JAX is not loaded by it again, which takes a while.
    """
    loaded = takes(runtime.load, path)
    assert plain and loaded or takes(load_forecaster, path) == loaded
    shown = inspects(path, capsys)
    assert loaded or not shown
    return loaded, shown


def test_the_file_that_all_else_here_is_made_of_is_taken(tmp_path, capsys):
    written(tmp_path / "m")
    assert same_verdict(tmp_path / "m", capsys) == (True, True)


def test_cut_at_any_byte(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(WHOLE)
    for size in range(len(WHOLE) - 1, -1, -1):
        os.truncate(path, size)
        assert not takes(runtime.load, path), size


ONCE = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
#: What a number, a text or a table of a header may be instead.
ODD = st.sampled_from([
    None, True, False, -1, 0, 1, 2, 3, 10**9, 10**30, 0.5, 1e308, float("nan"), float("inf"), "", "0", "x" * 5000,
    "\x1b[31mred", "[/bold]", "\ud800", "Europe", "../x", [], [0], [3, 3], [3] * 40, ["a", "a"], [None], {}, {"a": 1},
    {"a": {"b": []}}, [[[[[[]]]]]], "25:00:00", "00:00:00+01:00", "09:30", MODEL, TEST,
])  # fmt: skip


def places(table, before=()):
    """Paths to everything in a header."""
    for key, value in table.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from places(value, (*before, key))


PLACES = list(places(HEADER))


@settings(max_examples=80, **ONCE)
@given(data=st.data())
def test_headers_that_say_something_else(data, tmp_path, capsys):
    header = json.loads(json.dumps(HEADER))
    for place in data.draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=2)):
        table = header
        for key in place[:-1]:
            table = table.get(key) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            continue
        what = data.draw(st.sampled_from(["gone", "more", "other", "other", "other"]))
        if what == "gone":
            table.pop(place[-1], None)
        elif what == "more":
            table[data.draw(st.sampled_from(["later", "\x1b[31m", "\x9b31m[/x]"]))] = data.draw(ODD)
        else:
            table[place[-1]] = data.draw(ODD)
    written(tmp_path / "m", header)
    same = all(header.get(k) == HEADER[k] for k in ("settings", "layout", "ids"))
    same_verdict(tmp_path / "m", capsys, plain=same)


CHANGES = {
    "half": lambda a: a.astype(np.float16),
    "double": lambda a: a.astype(np.float64),
    "single": lambda a: a.astype(np.float32),
    "whole": lambda a: a.astype(np.int32),
    "bool": lambda a: a.astype(bool),
    "complex": lambda a: a.astype(np.complex64),
    "shorter": lambda a: a[..., :-1].copy(),
    "longer": lambda a: np.concatenate([a, a]),
    "turned": lambda a: a.T.copy(),
    "flat": lambda a: a.ravel(),
    "empty": lambda a: a[:0].copy(),
    "empty and huge": lambda a: np.zeros((0, 10**9, 10**9), a.dtype),
    "one number": lambda a: a.dtype.type(1),
    "one axis more": lambda a: a[None].copy(),
    "nan": lambda a: np.full_like(a, np.nan),
    "infinite": lambda a: np.full_like(a, np.inf),
    "below zero": lambda a: -np.abs(a) - 1,
}


@pytest.mark.parametrize("change", CHANGES)
def test_arrays_of_another_kind(change, tmp_path, capsys):
    """No array can be of another kind or shape, odd, or gone; those of weights may be any finite numbers."""
    path = tmp_path / "m"
    for name, array in TENSORS.items():
        other = np.asarray(CHANGES[change](array))
        same = other.shape == array.shape and other.dtype == array.dtype and np.array_equal(other, array)
        written(path, tensors=TENSORS | {name: other})
        loaded = takes(runtime.load, path)
        if change != "below zero" and name != "linear/weights":  # any numbers are weights; none are no linear path
            assert loaded == same, name
        if not loaded and name in ("network/skip", *ARRAYS):
            assert not takes(load_forecaster, path) and not inspects(path, capsys)


def test_arrays_that_are_missing(tmp_path):
    for name in TENSORS:
        written(tmp_path / "m", tensors={k: a for k, a in TENSORS.items() if k != name})
        assert not takes(runtime.load, tmp_path / "m"), name


@settings(max_examples=80, **ONCE)
@example(flips=[408])  # format 2 becomes 3, which is one as well
@given(flips=st.lists(st.integers(0, 8 * BEGIN - 1), min_size=1, max_size=3))
def test_bits_of_the_header_turned(flips, tmp_path, capsys):
    broken = bytearray(WHOLE)
    for bit in flips:
        broken[bit // 8] ^= 1 << bit % 8
    (tmp_path / "m").write_bytes(broken)
    same_verdict(tmp_path / "m", capsys, plain=True)


@pytest.mark.parametrize(
    "header",
    ["", "not json", "[]", "3", "null", '{"version": true}', '{"version": 2.0}', '{"version": 2}', "NaN",
     '{"version": ' + "9" * 5000 + "}", '{"version": 2, "about": ' + "[" * 500 + "]" * 500 + "}", "[" * 100_000],
)  # fmt: skip
def test_headers_that_are_none(header, tmp_path, capsys):
    written(tmp_path / "m", header)
    assert same_verdict(tmp_path / "m", capsys) == (False, False)


def test_safetensors_headers_that_are_none(tmp_path, capsys):
    for text in (b"{" * 5000, b"[" * 100_000, b'{"a":' * 3000, b"\xff" * 100, b"{}", b""):
        for length in (len(text), len(text) + 1, 2**40, 2**63, 2**64 - 1):
            (tmp_path / "m").write_bytes(length.to_bytes(8, "little") + text)
            assert same_verdict(tmp_path / "m", capsys) == (False, False)


def changed(**tables):
    """The header with some of its tables changed."""
    return HEADER | {k: HEADER[k] | v if isinstance(v, dict) else v for k, v in tables.items()}


@pytest.mark.parametrize(
    ("header", "tensors"),
    [
        (changed(settings={"hidden": [10**9] * 2}), {}),
        (changed(settings={"hidden": [3] * 3000}), {}),
        (changed(settings={"members": 10**9}), {}),
        (changed(settings={"decoder": 10**12}), {}),
        (changed(settings={"known": [f"c{i}" for i in range(3000)]}), {}),
        (changed(ids=[f"m{i}" for i in range(3000)]), {}),
        (changed(layout={"day": 9000, "horizon": 9000}, settings={"horizon": 9000}, step_seconds=9.6), {}),
        (changed(layout={"horizon": 1_000_000}, settings={"horizon": 1_000_000}), {}),
        (
            changed(layout={"day": 9000, "horizon": 9000}, settings={"horizon": 9000}, step_seconds=9.6),
            {"network/skip": np.zeros((1, 1, 1, 9000), np.float32)},
        ),
        (
            changed(layout={"day": 9000, "horizon": 9000}, settings={"horizon": 9000}, step_seconds=9.6),
            {"network/skip": np.zeros((0, 2, 50_000, 9000), np.float32)},
        ),
    ],
)
def test_sizes_that_only_the_header_has(header, tensors, tmp_path):
    """A table of 9000 x 9000 offsets alone would take 324 MB."""
    path = tmp_path / "m"
    written(path, header, TENSORS | tensors)
    tracemalloc.start()
    assert not takes(runtime.load, path) and not takes(load_forecaster, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * path.stat().st_size + 10_000_000


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", ["F4", "F8_E4M3", "F6_E2M3", "BF16"])
def test_dtypes_that_numpy_may_not_have(part, dtype, tmp_path):
    """Under a name of a part: no crash. Under one of none: not read."""
    table, data = json.loads(WHOLE[8:BEGIN]), WHOLE[BEGIN:]
    for name in (f"{part}later", "later"):
        size = {"F4": 4, "F6_E2M3": 6, "F8_E4M3": 8, "BF16": 16}[dtype]
        ends = {"dtype": dtype, "shape": [8], "data_offsets": [len(data), len(data) + size]}
        text = json.dumps(table | {name: ends}).encode()
        (tmp_path / "m").write_bytes(len(text).to_bytes(8, "little") + text + data + bytes(size))
        taken = takes(runtime.load, tmp_path / "m")
    assert taken


@pytest.mark.parametrize("columns", [5, [], {"id": "a", "ds": "b"}, {"id": 1, "ds": "b", "y": "c"}, None])
def test_names_of_columns_that_are_none(columns, tmp_path):
    about = HEADER["about"] | {"columns": {"id": "site", "ds": "at", "y": "kW"}}
    written(tmp_path / "m", HEADER | {"about": about})
    assert wattcast.load(tmp_path / "m")._names == about["columns"]
    written(tmp_path / "m", HEADER | {"about": about | {"columns": columns}})
    with pytest.raises(ArtifactError, match="not a whole wattcast model: its names of columns are"):
        wattcast.load(tmp_path / "m")
