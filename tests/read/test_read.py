from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wattcast.check import check
from wattcast.read import read
from wattcast.schema import ReadingsError

HEADER = "ds,y\n"
ROWS = "2024-01-01 00:00,1.5\n2024-01-01 01:00,2.5\n2024-01-01 02:00,4\n"


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "home.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)


def test_plain_table(write):
    readings = read(write(HEADER + ROWS))
    assert readings.frame.schema == {
        "unique_id": pl.String,
        "ds": pl.Datetime("us", "UTC"),
        "y": pl.Float64,
    }
    assert readings.frame.rows() == [
        ("home", utc(2024, 1, 1, 0), 1.5),
        ("home", utc(2024, 1, 1, 1), 2.5),
        ("home", utc(2024, 1, 1, 2), 4.0),
    ]
    assert (readings.step, readings.zone, readings.clocked) == (timedelta(hours=1), "UTC", True)
    assert readings.findings == ()


@pytest.mark.parametrize(
    "rows",
    [
        "ds;y\n2024-01-01T00:00:00;1,5\n2024-01-01T01:00:00;2,5\n2024-01-01T02:00:00;4\n",
        "ds\ty\n2024-01-01 00:00:00.0000000\t 1.5 \n2024-01-01 01:00:00.0000000\t 2.5 \n2024-01-01 "
        "02:00:00.0000000\t 4 \n",
        "ds|y\n01.01.2024 00:00|1,5\n01.01.2024 01:00|2,5\n01.01.2024 02:00|4,0\n",
        'ds,y\n"01/01/2024 00:00 - 01/01/2024 01:00","1.5"\n"01/01/2024 01:00 - 01/01/2024 02:00","2.5"\n'
        '"01/01/2024 02:00 - 01/01/2024 03:00","4"\n',
        "2024-01-01 00:00,1.5\n2024-01-01 01:00,2.5\n2024-01-01 02:00,4\n",
        "ds,y\n2024-01-01 01:00+01:00,1.5\n2024-01-01 02:00+01:00,2.5\n2024-01-01 03:00+01:00,4\n",
        "ds,y\r\n01-Jan-2024 00:00:00,1.5\r\n01-Jan-2024 01:00:00,2.5\r\n01-Jan-2024 02:00:00,4\r\n",
        "date,hour,y\n2024-01-01,0,1.5\n2024-01-01,1,2.5\n2024-01-01,2,4\n",
        "Export of meter 7\n\nds,y\n2024-01-01 00:00,1.5\n2024-01-01 01:00,2.5\n2024-01-01 02:00,4\n",
        "\ufeffds,y\n2024-01-01 12:00 AM,1.5\n2024-01-01 01:00 AM,2.5\n2024-01-01 02:00 AM,4\n",
        "ds,y\n01/01/2024,1.5\n01/01/2024 01:00,2.5\n01/01/2024 02:00,4\n",
        "ds,y\n31/12/2023 24:00,1.5\n01/01/2024 01:00,2.5\n01/01/2024 02:00,4\n",
    ],
)
def test_ways_to_write_the_same_readings(write, rows):
    readings = read(write(rows))
    assert readings.frame["y"].to_list() == [1.5, 2.5, 4.0]
    assert readings.frame["ds"].to_list() == [utc(2024, 1, 1, hour) for hour in range(3)]


def test_thousands_and_decimal_comma(write):
    text = "time;power\n2024-01-01 00:00;29.590,88\n2024-01-01 01:00;1.234,50\n2024-01-01 02:00;7,25\n"
    assert read(write(text)).frame["y"].to_list() == [29590.88, 1234.5, 7.25]
    quoted = 'time,power\n2024-01-01 00:00,"29,590.88"\n2024-01-01 01:00,"1,234.50"\n2024-01-01 02:00,7.25\n'
    assert read(write(quoted)).frame["y"].to_list() == [29590.88, 1234.5, 7.25]


def test_packed_text(write):
    plain = (HEADER + ROWS).encode()
    for name, packed in (("a.csv.gz", gzip.compress(plain)), ("a.csv.zst", zstandard.compress(plain))):
        assert read(write(packed, name)).frame["y"].to_list() == [1.5, 2.5, 4.0]
        with pytest.raises(ReadingsError, match="cut short or damaged"):
            read(write(packed[:-9], name))


def test_cp1252_and_utf16(write):
    text = "Zeit;Zähler;Verbrauch kWh\n2024-01-01 00:00;Küche;1,5\n2024-01-01 01:00;Küche;2,5\n"
    for encoding in ("cp1252", "utf-16", "utf-8-sig"):
        readings = read(write(text.encode(encoding)), id="Zähler")
        assert readings.meters == ["Küche"]
        assert readings.unit == "kWh"


def test_parquet(tmp_path):
    times = [datetime(2024, 1, 1, hour) for hour in (0, 1, 0, 1)]
    frame = pl.DataFrame({"meter_id": [7, 7, 8, 8], "time": times, "load": [1.0, 2, 3, 4]})
    frame.write_parquet(tmp_path / "a.parquet")
    readings = read(tmp_path / "a.parquet")
    assert readings.meters == ["7", "8"]
    broken = tmp_path / "b.parquet"
    broken.write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    with pytest.raises(ReadingsError, match="not whole Parquet"):
        read(broken)


def test_one_column_gets_made_up_stamps(write):
    readings = read(write("Load\n1\n2\n3\n"))
    assert not readings.clocked
    assert readings.frame["ds"].to_list() == [utc(2011, 1, 1, 0, m) for m in (0, 15, 30)]
    assert any("15 min assumed" in note for note in readings.notes)
    hourly = read(write("Load\n1\n2\n3\n"), step=timedelta(hours=1))
    assert hourly.step == timedelta(hours=1)
    assert read(write("74,56\n69,95\n71,5\n"), y="column_1").frame.height == 3


def test_one_column_with_decimal_comma(write):
    assert read(write("Load\n74,56\n69,95\n71,5\n")).frame["y"].to_list() == [74.56, 69.95, 71.5]


def test_wide(write):
    text = "when,MT_001,MT_002\n2024-01-01 00:00,1,5\n2024-01-01 00:15,2,6\n"
    readings = read(write(text))
    assert readings.frame.rows() == [
        ("MT_001", utc(2024, 1, 1, 0, 0), 1.0),
        ("MT_001", utc(2024, 1, 1, 0, 15), 2.0),
        ("MT_002", utc(2024, 1, 1, 0, 0), 5.0),
        ("MT_002", utc(2024, 1, 1, 0, 15), 6.0),
    ]
    named = read(write("when,north,south\n2024-01-01 00:00,1,5\n2024-01-01 00:15,2,6\n"), y=["north", "south"])
    assert named.meters == ["north", "south"]


def test_long_without_header(write):
    text = "2024-01-01 00:00,1,a\n2024-01-01 00:00,5,b\n2024-01-01 00:15,2,a\n2024-01-01 00:15,6,b\n"
    readings = read(write(text))
    assert readings.meters == ["a", "b"]
    assert readings.frame["y"].to_list() == [1, 2, 5, 6]
    assert readings.findings == ()


def test_which_column_is_the_load(write):
    text = (
        "Time,Temperature,Demand,Date,Holiday,Note\n"
        "2024-01-01T00:00:00Z,7.5,100,2024-01-01,TRUE,x\n2024-01-01T00:30:00Z,7,101,2024-01-01,FALSE,x\n"
    )
    readings = read(write(text))
    assert readings.frame["y"].to_list() == [100, 101]
    assert readings.covariates == ["Temperature", "Holiday"]
    assert readings.frame["Holiday"].to_list() == [1.0, 0.0]
    assert any("'Demand'" in note for note in readings.notes)
    assert any("'Date', 'Note'" in note for note in readings.notes)
    assert read(write(text), y="Temperature").covariates == ["Demand", "Holiday"]


def test_local_clock_keeps_both_hours_of_october(write):
    stamps = ["00:00", "01:00", "02:00", "02:00", "03:00"]
    text = HEADER + "".join(f"2024-10-27 {t},{i}\n" for i, t in enumerate(stamps))
    readings = read(write(text), zone="Europe/Berlin")
    assert readings.zone == "Europe/Berlin"
    assert readings.frame["ds"].to_list() == [utc(2024, 10, 26, 22) + timedelta(hours=i) for i in range(5)]
    assert readings.frame["y"].to_list() == [0, 1, 2, 3, 4]


def test_local_clock_leaves_out_the_hour_that_march_skips(write):
    text = HEADER + "".join(f"2024-03-31 0{h}:00,{h}\n" for h in range(5))
    readings = read(write(text), zone="Europe/Berlin")
    assert readings.frame["y"].to_list() == [0, 1, 3, 4]
    assert [(f.kind, f.count) for f in readings.findings] == [("not_existing", 1)]


def test_day_or_month_first(write):
    by_day = HEADER + "".join(f"0{d}/02/2024,{d}\n" for d in range(1, 6))
    assert read(write(by_day)).frame["ds"][1] == utc(2024, 2, 2)
    by_month = HEADER + "".join(f"02/0{d}/2024,{d}\n" for d in range(1, 6))
    readings = read(write(by_month), day_first=False)
    assert readings.frame["ds"][1] == utc(2024, 2, 2)
    either = "ds,y\n02/01/2024 00:00,1\n02/01/2024 01:00,1\n"
    assert any("could be read either way" in note for note in read(write(either)).notes)


def test_unsorted_and_equal_duplicates(write):
    text = HEADER + "2024-01-01 02:00,3\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 01:00,2\n"
    readings = read(write(text))
    assert readings.frame["y"].to_list() == [1, 2, 3]
    assert [(f.kind, f.count) for f in readings.findings] == [("unsorted", 1), ("duplicate", 1)]


def test_missing_values_stay_as_rows(write):
    text = HEADER + "2024-01-01 00:00,\n2024-01-01 01:00,NaN\n2024-01-01 02:00,n/a\n2024-01-01 03:00,1.5\n"
    assert read(write(text)).frame["y"].to_list() == [None, None, None, 1.5]


BAD = [
    (b"", "is empty"),
    (b" \n\n ", "is empty"),
    (b"ds,y\n", "has a header .ds, y. but no rows"),
    (b"\x89PNG\r\n\x1a\n\0\0", "not a text table"),
    (
        b"ds,y\n2024-01-01 00:00,1\n2024-01-01 01:00,abc\n2024-01-01 02:00,1\n",
        r"line 3: column 'y' holds 'abc'",
    ),
    (
        b"ds,y\n2024-01-01 00:00,1\n2024-01-01 01:00,inf\n2024-01-01 02:00,1\n",
        r"line 3: column 'y' holds 'inf'",
    ),
    (
        b"ds,y\n2024-01-01 00:00,1\n\n2024-01-01 01:00,1e999\n2024-01-01 02:00,1\n",
        r"line 4: column 'y' holds '1e999'",
    ),
    (b"ds,y\n2024-01-01 00:00,1\nsoon,2\n2024-01-01 02:00,1\n", "line 3: the time is empty or unreadable"),
    (b"ds,y\n2024-01-01 00:00,1\n2024-01-01 01:00,2,3\n2024-01-01 02:00,1\n", "line 3: 3 cells where 2"),
    (b'ds,y\n2024-01-01 00:00,1\n"2024-01-01 01:00,2\n2024-01-01 02:00,1\n', "quote"),
    (b"to be or not to be\nthat is the question\n", "no column of numbers"),
    (b"ds,y\n2024-01-01 00:00,1\n", "a single time"),
    (b"ds,ds\n2024-01-01 00:00,1\n2024-01-01 01:00,1\n", "two columns named 'ds'"),
    (b"ds,y\n2024-01-01 00:00,1\n" + b"\x81\x8d,1\n", "line 3: the text is neither"),
]


@pytest.mark.parametrize(("content", "words"), BAD)
def test_bad_files_give_one_clear_sentence(write, content, words):
    with pytest.raises(ReadingsError, match=words) as caught:
        read(write(content))
    assert "home.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_paths_columns_and_zones(write, tmp_path):
    good = write(HEADER + ROWS)
    with pytest.raises(ReadingsError, match="no file"):
        read(tmp_path / "none.csv")
    with pytest.raises(ReadingsError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(ReadingsError, match=r"no column 'kW'; it has 'ds', 'y'"):
        read(good, y="kW")
    with pytest.raises(ReadingsError, match="does not hold numbers"):
        read(good, y="ds")
    with pytest.raises(ReadingsError, match="does not hold times"):
        read(good, ds="y")
    with pytest.raises(ReadingsError, match="no time zone 'Mars/Base'"):
        read(good, zone="Mars/Base")


def test_step_that_changes_half_way(write):
    times = [datetime(2024, 1, 1) + timedelta(minutes=15 * i) for i in range(60)]
    times += [times[-1] + timedelta(minutes=30 * (i + 1)) for i in range(40)]
    text = HEADER + "".join(f"{t},{i}\n" for i, t in enumerate(times))
    with pytest.raises(ReadingsError, match="step of 30 min from 2024-01-01 .*, while 15 min") as caught:
        read(write(text))
    assert caught.value.meter == "home"


def test_stamp_off_the_grid(write):
    text = HEADER + ROWS + "2024-01-01 03:07,5\n2024-01-01 04:00,6\n"
    with pytest.raises(ReadingsError, match="line 5: .* off its step of 1 h, the first at 2024-01-01 03:07"):
        read(write(text))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
@example(content=b'"')
@example(content=b"a,b\n1")
@example(content=b"1\n2\n3")
def test_arbitrary_bytes_are_readings_or_a_readings_error(write, content):
    try:
        read(write(content))
    except ReadingsError as error:
        assert str(error)


CELL = st.one_of(
    st.sampled_from(
        [
            "",
            "NaN",
            "inf",
            "2024-01-01 00:00",
            "01/02/2024",
            "31.12.2023 24:00",
            "1,5",
            "1.5",
            "-3",
            "a",
            '"',
            "2024-01-01T00:00Z",
            "true",
            "9" * 400,
            "0000-00-00",
            "10/10/10 - 10/10/10",
        ]
    ),  # fmt: skip
    st.text(max_size=6),
    st.floats().map(str),
    st.datetimes().map(str),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=8),
    sign=st.sampled_from(",;\t|"),
)
def test_arbitrary_tables_are_readings_or_a_readings_error(write, rows, sign):
    try:
        readings = read(write("\n".join(sign.join(row) for row in rows).encode("utf-8", errors="replace")))
    except ReadingsError as error:
        assert str(error)
    else:
        frame = readings.frame
        assert frame.equals(frame.sort(pl.col("unique_id").rank("dense"), "ds")) or readings.frame.height > 0
        assert frame.select("unique_id", "ds").is_duplicated().sum() == 0
        assert frame["y"].is_infinite().sum() == 0


def test_different_readings_of_one_time_are_marked(write):
    text = HEADER + "2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 01:00,3\n2024-01-01 02:00,4\n"
    readings = read(write(text))
    assert readings.frame["y"].to_list() == [1, 2, 4]
    assert readings.frame["quality"].to_list() == ["ok", "suspect", "ok"]
    assert [(f.kind, f.count) for f in readings.findings] == [("conflict", 1)]
    assert check(readings).frame["quality"].to_list() == ["ok", "suspect", "ok"]


def test_few_stamps_off_the_step_are_left_out(write):
    rows = [f"{datetime(2024, 1, 1) + timedelta(hours=i)},{i}" for i in range(200)]
    rows.insert(50, "2024-01-03 01:37:12,7")
    readings = read(write(HEADER + "\n".join(rows)))
    assert readings.frame.height == 200
    assert [(f.kind, f.count) for f in readings.findings] == [("off_grid", 1)]


def test_names_that_mean_many_columns_to_polars(write):
    readings = read(write("ds,load,*,^.*$\n2024-01-01 00:00,1,2,3\n2024-01-01 01:00,4,5,6\n"))
    assert readings.covariates == ["column_3", "column_4"]


def test_covariates_may_have_any_name(write):
    names = ["ds", "y", "quality", "utc", "row", "step", "on", "rows", "phase", "rank", "once", "back"]
    rows = [f"2024-01-01 0{i}:00," + ",".join(str(i * 100 + j) for j in range(1, len(names))) for i in range(4)]
    path = write(",".join(names) + "\n" + "\n".join(rows) + "\n")
    for zone in (None, "Europe/Berlin"):
        readings = read(path, y="utc", zone=zone)
        assert readings.frame["y"].to_list() == [3.0, 103.0, 203.0, 303.0]
        assert readings.frame["on"].to_list() == [6.0, 106.0, 206.0, 306.0]
        assert set(readings.covariates) == {
            *("y_covariate", "quality_covariate", "on", "rows", "phase", "rank", "once", "back")
        }
