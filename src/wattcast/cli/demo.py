"""`wattcast demo`: the main job on real data, from readings to report."""

from __future__ import annotations

import time
from pathlib import Path

from wattcast.cli import options
from wattcast.cli.backtest import RequireSkill, run
from wattcast.cli.console import errors, note

EXAMPLE = "Example: [bold]wattcast demo[/]"


def command(
    seed: options.Seed = None,
    report: options.Report = Path("wattcast-report/demo.html"),
    require_skill: RequireSkill = False,
    json: options.Json = False,
) -> None:
    """Half-hourly demand of Victoria 2014, a day ahead with temperature known, the last eight weeks tested."""
    began = time.perf_counter()
    with errors():
        from wattcast.check import check
        from wattcast.read.samples import elecdemand

        readings = check(elecdemand())
        note("Demand of Victoria 2014 [GW], half-hourly, with temperature; 48 steps ahead at each midnight.")
        settings = options.in_force(
            None,
            network={"horizon": 48, "known": ("Temperature",), "country": "AU-VIC"},
            train={"seed": seed},
            backtest={"origins": 56},
        )
        run(readings, settings, report, title="Victoria 2014", began=began, json=json, require_skill=require_skill)
