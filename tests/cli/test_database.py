"""A database URL wherever a file is taken: SQLite, and PostgreSQL on a throw-away server."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from wattcast import synthetic
from wattcast.read import read
from wattcast.schema import ReadingsError

sqlalchemy = pytest.importorskip("sqlalchemy", reason="databases need wattcast[sql]")

PASSWORD = "s3cr:t@word"
QUOTED = "s3cr%3At%40word"
FRAME = synthetic(meters=2, days=60)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> str:
    """A SQLite database with readings, and another table."""
    path = tmp_path_factory.mktemp("base") / "x.db"
    with sqlite3.connect(path) as base:
        base.execute("create table readings (unique_id text, ds text, y real, temperature real)")
        rows = [(a, str(b), c, d) for a, b, c, d in FRAME.iter_rows()]
        base.executemany("insert into readings values (?, ?, ?, ?)", rows)
        base.execute("create table customers (name text)")
    base.close()
    return f"sqlite:///{path}"


def bin_of_postgres() -> Path:
    found = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    if found is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql, or put initdb and pg_ctl on the PATH")
    return Path(found).resolve().parent


@pytest.fixture(scope="module")
def postgres():
    """URL of a PostgreSQL server in a temporary folder, with readings as they are kept there."""
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL needs wattcast[sql]")
    tools, place = bin_of_postgres(), Path(tempfile.mkdtemp(prefix="pg"))
    # a server does not run as root; the folder lies outside of pytest's own, which others may not enter
    user = next((u for u in ("postgres", "nobody") if u in {p.pw_name for p in pwd.getpwall()}), None)
    how = {"cwd": place, "stdout": subprocess.DEVNULL, "user": user if os.geteuid() == 0 else None}
    if os.geteuid() == 0:
        shutil.chown(place, user)
    (place / "password").write_text(PASSWORD)
    (place / "password").chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = place / "data"
    control = [tools / "pg_ctl", "-D", data]
    try:
        secret = ["--auth=scram-sha-256", f"--pwfile={place / 'password'}"]
        subprocess.run([tools / "initdb", "-D", data, "-U", "reader", "-N", "--locale=C", *secret], check=True, **how)
        # the session's clock must not matter
        options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=Europe/Berlin"
        subprocess.run(
            [tools / "pg_ctl", "-D", data, "-w", "-o", options, "-l", place / "log", "start"], check=True, **how
        )
        url = f"postgresql://reader:{QUOTED}@127.0.0.1:{port}/postgres"
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("create table readings (meter_id text, at timestamptz, kwh numeric(12, 4), celsius real)")
            with cursor.copy("copy readings from stdin") as copy:
                for meter, ds, y, temperature in FRAME.iter_rows():
                    copy.write_row((meter, f"{ds}+00", y, temperature))
            cursor.execute("create view one_meter as select at, kwh from readings where meter_id = 'meter_2'")
        yield url
    finally:
        if (data / "postmaster.pid").exists():
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **how)
        shutil.rmtree(place)


def refused(result, *words):
    assert result.exit_code == 3 and result.stdout == "", result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(said) == 1 and said[0].endswith((".", ")"))
    assert not any(secret in result.stderr for secret in (PASSWORD, QUOTED, "s3cr", "word@here"))
    for word in words:
        assert word in said[0]


@pytest.mark.parametrize("verb", ["check", "describe", "fit", "backtest", "forecast", "convert"])
def test_every_verb_that_takes_a_file_takes_a_database(run, folder, config, model, base, verb):
    more = {"convert": ["-o", "out.parquet"], "fit": ["--config", config], "backtest": ["--config", config]}
    first = [model] if verb == "forecast" else []
    result = run(verb, *first, base, "--table", "readings", *more.get(verb, []), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)
    refused(run(verb, *first, base, *more.get(verb, [])), "2 tables; name one of: 'customers', 'readings'")


def test_what_can_be_wrong_with_it(run, folder, base, monkeypatch):
    refused(run("check", base, "--table", "x"), "no table 'x'; name one of: 'customers', 'readings'")
    refused(run("check", base, "--table", "customers"), "table customers has no rows")
    refused(run("check", "sqlite:///none.db"), "There is no file 'none.db'")
    assert list(folder.iterdir()) == []
    refused(run("check", f"oracel://me:{QUOTED}@here/db"), "'oracel' is no database that can be read")
    for wrong in (f"postgresql://me:{PASSWORD}@here/db", f"postgresql://me:{QUOTED}@here:port/db", "sqlite://x://"):
        refused(run("check", wrong), "is not whole; write ")


def test_a_server_that_is_not_there(run, folder):
    pytest.importorskip("psycopg", reason="PostgreSQL needs wattcast[sql]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"postgres://me:{QUOTED}@127.0.0.1:{free.getsockname()[1]}/meters?password={QUOTED}"
        refused(run("check", url), "me:***@127.0.0.1", "cannot be read", "check that it is there and running")


@pytest.mark.parametrize(
    ("package", "url"), [("sqlalchemy", "sqlite:///x.db"), ("psycopg", f"postgresql://me:{QUOTED}@here/db")]
)
def test_a_missing_extra(run, folder, monkeypatch, package, url):
    monkeypatch.setitem(sys.modules, package, None)
    refused(run("check", url), "pip install 'wattcast[sql]'")


def test_a_report_does_not_hold_the_password(run, folder, config, monkeypatch, base):
    url = base.replace("sqlite:///", f"sqlite://me:{QUOTED}@/")
    words = ["backtest", base, "--table", "readings", "--config", str(config), "--origins", "2"]
    monkeypatch.setattr(sys, "argv", ["wattcast", "backtest", url, f"postgresql://h/d?a=b&password={QUOTED}&c=d"])
    assert run(*words).exit_code == 0
    page = Path("wattcast-report/backtest.html").read_text()
    assert "sqlite://me:***@/" in page and "password=***" in page and "s3cr" not in page


def test_postgres(run, folder, postgres):
    result = run("check", postgres, "--table", "readings", "--json")
    assert result.exit_code == 0, result.stderr
    assert [m["readings"] for m in json.loads(result.stdout)["meters"]] == [60 * 24] * 2
    readings = read(postgres, table="readings")
    assert (readings.meters, readings.unit, readings.covariates) == (["meter_1", "meter_2"], "kWh", ["celsius"])
    assert readings.frame["ds"].to_list() == FRAME["ds"].dt.replace_time_zone("UTC").to_list()
    assert (readings.frame["y"] - FRAME["y"]).abs().max() <= 5e-5
    view = read(postgres, table="one_meter")
    assert view.meters == ["one_meter"] and view.frame["y"].equals(readings.frame.filter(unique_id="meter_2")["y"])
    assert run("convert", postgres, "--table", "readings", "-o", "a.parquet").exit_code == 0
    assert read("a.parquet").frame.equals(readings.frame)


def test_postgres_refuses(run, folder, postgres):
    refused(run("check", postgres, "--table", "x"), "no table 'x'; name one of: 'readings', 'one_meter'")
    refused(run("check", postgres.replace("s3cr", "s3cret")), "password authentication failed")
    refused(run("check", postgres.replace("/postgres", "/nowhere")), 'database "nowhere" does not exist')
    with pytest.raises(ReadingsError) as caught:
        read(postgres.replace("reader", "somebody"))
    assert "s3cr" not in str(caught.value)
