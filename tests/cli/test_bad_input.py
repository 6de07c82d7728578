"""Bad input: one sentence that says where and what, exit code 3, nothing written."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save

from wattcast import synthetic
from wattcast.nets.artifact import VERSION

HOUR = timedelta(hours=1)


def rows(count, step=HOUR, start=datetime(2024, 1, 1), load=lambda i: 10 + i % 24):
    return [f"{start + i * step},{load(i)}" for i in range(count)]


def table(lines, head="ds,y") -> bytes:
    return "\n".join([head, *lines, ""]).encode()


def with_line(number, text, count=200) -> bytes:
    lines = rows(count)
    lines[number - 2] = text
    return table(lines)


def half_way() -> bytes:
    first = rows(300)
    return table(first + rows(300, HOUR / 2, datetime(2024, 1, 1) + 300 * HOUR))


FILES = {
    "missing": (None, ["There is no file", "meter.csv"]),
    "empty": (b"", ["meter.csv is empty"]),
    "not_a_table": (b"\x89PNG\r\n\x1a\n\0\0\0", ["meter.csv", "not a text table"]),
    "text_for_a_number": (with_line(7, "2024-01-01 05:00,abc"), ["meter.csv", "line 7", "'y'", "'abc'"]),
    "header_only": (b"ds,y\n", ["meter.csv", "header", "no rows"]),
    "wrong_encoding": (
        with_line(5, "2024-01-01 03:00,?").replace(b"?", b"\x81\x8d"),
        ["meter.csv", "line 5", "the text is neither"],
    ),
    "infinity": (with_line(9, "2024-01-01 07:00,inf"), ["meter.csv", "line 9", "'y'", "'inf'"]),
    "no_time": (with_line(4, "soon,3"), ["meter.csv", "line 4", "time"]),
    "second_step": (half_way(), ["meter.csv", "meter 'meter'", "30 min", "1 h", "2024-01-13"]),
}  # fmt: skip


def refused(result, folder, before, words):
    """Exit code 3, nothing on stdout, one sentence on stderr that holds the words, no new file."""
    assert result.exit_code == 3, result.stderr
    assert result.stdout == ""
    said = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(said) == 1 and result.stderr.splitlines()[-1] == said[0]
    assert said[0].endswith((".", ")", ";")) and "Traceback" not in result.stderr
    for word in words:
        assert word in said[0]
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("verb", ["describe", "check", "fit", "backtest", "forecast"])
@pytest.mark.parametrize("case", FILES)
def test_file(run, folder, model, verb, case):
    content, words = FILES[case]
    if content is not None:
        (folder / "meter.csv").write_bytes(content)
    before = sorted(folder.rglob("*"))
    first = [model] if verb == "forecast" else []
    refused(run(verb, *first, "meter.csv"), folder, before, words)


@pytest.mark.parametrize("verb", ["describe", "check", "fit", "backtest", "forecast"])
@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--y", "nope"], ["no column 'nope'", "'ds'", "'y'"]),
        (["--ds", "nope"], ["no column 'nope'"]),
        (["--id", "nope"], ["no column 'nope'"]),
        (["--zone", "Mars/Base"], ["Mars/Base"]),
        (["--meters", "nope"], ["nope"]),
    ],
)
def test_name_that_is_not_there(run, folder, model, verb, option, words):
    (folder / "meter.csv").write_bytes(table(rows(200)))
    before = sorted(folder.rglob("*"))
    first = [model] if verb == "forecast" else []
    refused(run(verb, *first, "meter.csv", *option), folder, before, words)


@pytest.mark.parametrize("verb", ["fit", "backtest"])
@pytest.mark.parametrize(
    ("option", "words"),
    [(["--known", "nope"], ["'nope'", "temperature"]), (["--country", "Atlantis"], ["Atlantis"])],
)
def test_covariate_or_country_that_is_not_there(run, folder, meter, config, verb, option, words):
    refused(run(verb, meter, "--config", config, *option), folder, [], words)


@pytest.mark.parametrize("verb", ["fit", "backtest"])
def test_too_few_readings(run, folder, config, verb):
    (folder / "meter.csv").write_bytes(table(rows(5 * 24)))
    before = sorted(folder.rglob("*"))
    origins = ["--origins", 1] if verb == "backtest" else []
    refused(run(verb, "meter.csv", "--config", config, *origins), folder, before, ["too few", "needed"])


def test_more_origins_than_there_are_days(run, folder, meter, config):
    refused(run("backtest", meter, "--config", config, "--origins", 80), folder, [], ["80"])


def test_forecast_from_too_little_history(run, folder, model):
    (folder / "meter.csv").write_bytes(table(rows(30)))
    refused(run("forecast", model, "meter.csv"), folder, [folder / "meter.csv"], ["history", "meter has 30"])


def test_forecast_from_another_step(run, folder, model):
    (folder / "meter.csv").write_bytes(table(rows(3000, HOUR / 2)))
    refused(run("forecast", model, "meter.csv"), folder, [folder / "meter.csv"], ["1:00:00", "0:30:00"])


def test_horizon_beyond_the_model(run, folder, model, meter):
    words = ["horizon of 25", "24", "--horizon 25"]
    refused(run("forecast", model, meter, "--horizon", 25), folder, [], words)


def newer(whole: bytes) -> bytes:
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    ours = json.loads(header["__metadata__"]["wattcast"])
    header["__metadata__"]["wattcast"] = json.dumps({**ours, "version": VERSION + 1})
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + size :]


MODELS = {
    "missing": (lambda whole: None, ["no model file"]),
    "empty": (lambda whole: b"", ["not a whole wattcast model"]),
    "text": (lambda whole: b"ds,y\n2024-01-01,1\n", ["not a whole wattcast model"]),
    "cut": (lambda whole: whole[:-20], ["not a whole wattcast model"]),
    "cut_in_the_header": (lambda whole: whole[:100], ["not a whole wattcast model"]),
    "another_program": (lambda whole: save({"a": np.zeros(3)}), ["not a wattcast model"]),
    "newer": (newer, [f"model format {VERSION + 1}", "update wattcast"]),
}


@pytest.mark.parametrize("case", MODELS)
def test_model(run, folder, model, meter, case):
    make, words = MODELS[case]
    content = make(model.read_bytes())
    if content is not None:
        (folder / "other.wattcast").write_bytes(content)
    before = sorted(folder.rglob("*"))
    refused(run("forecast", "other.wattcast", meter), folder, before, ["other.wattcast", *words])


def test_model_that_is_a_folder(run, folder, meter):
    (folder / "other.wattcast").mkdir()
    refused(run("forecast", "other.wattcast", meter), folder, [folder / "other.wattcast"], ["other.wattcast"])


def test_resume_without_a_checkpoint(run, folder, meter, config):
    result = run("fit", meter, "-o", "m.wattcast", "--config", config, "--resume")
    refused(result, folder, [], ["m.wattcast.checkpoint", "without --resume"])


def test_chapter_file(run, folder):
    for content, word in ((None, "no file"), (b"Load\n1\nx\n", "numbers"), (b"Load\n1\n2\n", "2 readings")):
        if content is not None:
            (folder / "elec_load.csv").write_bytes(content)
        before = sorted(folder.rglob("*"))
        refused(run("chapter", "--data", "elec_load.csv"), folder, before, ["elec_load.csv", word])


# What is bad, but can be worked with: it is said, and the work is done.


def describe(run, folder, content):
    (folder / "meter.csv").write_bytes(content)
    result = run("describe", "meter.csv", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    return found["meters"][0], {f["kind"]: f for f in found["findings"]}, " ".join(result.stderr.split())


def test_stamps_that_clash_are_marked_and_said(run, folder):
    lines = rows(200)
    lines.insert(50, lines[50].rpartition(",")[0] + ",999")
    row, found, said = describe(run, folder, table(lines))
    assert found["conflict"]["count"] == 1 and "marked suspect" in found["conflict"]["action"]
    assert "meter: conflict, 1 readings from 2024-01-03 02:00" in said
    assert row["count"] == 200


def test_equal_stamps_are_merged_and_said(run, folder):
    lines = rows(200)
    lines.insert(50, lines[50])
    _, found, said = describe(run, folder, table(lines))
    assert found["duplicate"]["count"] == 1 and "meter: duplicate" in said


def test_unsorted_stamps_are_sorted_and_said(run, folder):
    lines = rows(200)
    lines[10], lines[150] = lines[150], lines[10]
    row, found, said = describe(run, folder, table(lines))
    assert row["first"].startswith("2024-01-01T00:00") and row["gaps"] == 0
    assert "sorted by time" in found["unsorted"]["action"] and "meter: unsorted" in said


def test_gaps_and_missing_values_are_said(run, folder):
    lines = rows(200)
    lines[20:24] = [line.rpartition(",")[0] + ",NaN" for line in lines[20:24]]
    del lines[100:110]
    row, found, said = describe(run, folder, table(lines))
    assert (row["gaps"], row["missing"], row["count"]) == (10, 4, 186)
    assert found["gap"]["count"] == 10 and found["missing"]["count"] == 4
    assert "meter: gap, 10 readings" in said and "meter: missing, 4 readings" in said


def test_negative_load_is_kept_and_said(run, folder):
    row, found, said = describe(run, folder, table(rows(200, load=lambda i: i % 24 - 5)))
    assert row["min"] == -5 and row["negative"] == found["negative"]["count"] > 0
    assert "meter: negative" in said


def test_a_network_learns_from_gaps_nans_and_negative_load(run, folder, config):
    frame = synthetic(meters=1, days=60)
    y = frame["y"].to_numpy() - frame["y"].mean()
    y[np.random.default_rng(0).random(len(y)) < 0.1] = np.nan
    frame.with_columns(pl.Series("y", y)).filter(pl.int_range(pl.len()) % 97 != 5).write_csv("meter.csv")
    assert run("fit", "meter.csv", "-o", "m.wattcast", "--config", config).exit_code == 0
    assert run("forecast", "m.wattcast", "meter.csv", "-o", "f.csv").exit_code == 0
    said = pl.read_csv("f.csv").drop("unique_id", "ds", "cutoff").to_numpy()
    assert np.isfinite(said).all() and (said < 0).any()


def test_one_meter_too_short_beside_a_long_one(run, folder, config):
    long = synthetic(meters=1, days=60)
    short = synthetic(meters=2, days=60).filter(pl.col("unique_id") == "meter_2").tail(20)
    pl.concat([long, short]).write_csv("meters.csv")
    result = run("backtest", "meters.csv", "--config", config, "--origins", 3, "--json")
    assert result.exit_code == 0, result.stderr
    assert "meter_2: too_short, 20 readings" in " ".join(result.stderr.split())
    assert json.loads(result.stdout)["meters"] == 2


def test_a_constant_series_works_and_is_said(run, folder, config):
    frame = synthetic(meters=1, days=60).with_columns(pl.lit(7.0).alias("y"))
    frame.write_csv("meter.csv")
    result = run("backtest", "meter.csv", "--config", config, "--origins", 3, "--require-skill")
    assert result.exit_code == 4, result.stderr
    assert "meter_1: constant" in " ".join(result.stderr.split())
    assert "wattcast does not beat" in " ".join(result.stdout.split())


def test_a_folder_for_a_model(run, folder, meter):
    (folder / "m").mkdir()
    refused(run("forecast", "m", meter), folder, [folder / "m"], ["m is a folder, not a model file"])
