"""The past of a panel as it was at one moment. Forecasters see views, so what comes later cannot leak."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wattcast.features.panel import Floats, Panel


class View:
    """A panel cut at `origin`: readings before it, covariates known ahead up to `horizon` steps after it.

    Covariates that were not yet known at the origin (`Panel.known_from`) are NaN. Asking past either limit raises
    `LookupError`.
    """

    def __init__(self, panel: Panel, origin: int, horizon: int):
        if not 0 <= origin <= panel.length:
            raise LookupError(f"origin {origin} lies outside the grid of {panel.length} steps")
        self._panel = panel
        self.origin = origin
        self.horizon = horizon

    @property
    def panel(self) -> Panel:
        """The grid with what may be seen: `y` ends at the origin, covariates at origin + horizon."""
        p, o = self._panel, self.origin
        covariates, known_from = p.covariates[: o + self.horizon], p.known_from
        if known_from is not None:
            known_from = known_from[: o + self.horizon]
            covariates = np.where((known_from <= o)[..., None], covariates, np.nan)
        return Panel(p.ids, p.start, p.step, p.zone, p.y[:o], covariates, p.names, known_from)

    @property
    def y(self) -> Floats:
        """Readings before the origin `[origin, meter]`."""
        return self._panel.y[: self.origin]

    @property
    def cutoff(self) -> datetime:
        """Start of the last interval seen [UTC], as the ecosystem's `cutoff` column has it."""
        return self._panel.time(self.origin - 1)

    def lag(self, steps: int) -> Floats:
        """Readings `steps` before each of the `horizon` steps ahead `[horizon, meter]`; NaN before the start.

        Raises:
            LookupError: when `steps` is smaller than the horizon, so that a later reading would be needed.
        """
        if steps < self.horizon:
            raise LookupError(f"lag {steps} of a forecast {self.horizon} steps ahead lies after the origin")
        first = self.origin - steps
        out = np.full((self.horizon, len(self._panel.ids)), np.nan)
        seen = self._panel.y[max(first, 0) : max(first + self.horizon, 0)]
        out[self.horizon - len(seen) :] = seen
        return out
