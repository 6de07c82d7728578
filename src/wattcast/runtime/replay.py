"""Readings of one meter as they arrive: late, twice, corrected. The state is that of the right order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.runtime.clock import When, microseconds
from wattcast.runtime.live import advance, moment
from wattcast.runtime.model import Model
from wattcast.runtime.record import MeterState
from wattcast.schema import ReadingsError


class Track:
    """A meter's state with a checkpoint behind it, from which it is read anew where a reading comes late.

    Attributes:
        state: after all readings so far.
        checkpoint: the state before the oldest reading that may still change.
    """

    def __init__(self, model: Model, state: MeterState, reach: int | None = None):
        """Starts at a state.

        Args:
            model: whose state it is.
            state: record of one meter `[]`.
            reach: newest readings that may come late or change, at least; None: of a week.
        """
        self.model = model
        self.state = self.checkpoint = state.copy()
        self.reach = 7 * model.grounds.layout.day if reach is None else reach
        self._since: dict[np.datetime64, tuple[float, NDArray[np.float64] | None]] = {}

    def put(self, when: When, y: float, known: Any = None) -> MeterState:
        """The state with one more reading; see `advance` for the arguments.

        A reading that says what is known already changes nothing; one that says something else takes its place.

        Raises:
            ReadingsError: it lies before the checkpoint or off the grid.
        """
        when, y = np.datetime64(microseconds(when), "us"), float(y)
        rows = None if known is None else np.asarray(known, np.float64)
        before = self._since.get(when)
        if when >= moment(self.model, self.state):
            self.state = advance(self.model, self.state, y, when=when, known=rows)
            self._since[when] = (y, rows)
            return self._trimmed()
        if rows is None and np.array_equal(np.nan if before is None else before[0], y, equal_nan=True):
            return self.state
        if when < moment(self.model, self.checkpoint):
            raise ReadingsError(
                f"The reading of {when} lies before {moment(self.model, self.checkpoint)}, from which on readings may "
                "still change; prime the state anew.", when=str(when),
            )  # fmt: skip
        changed = {**self._since, when: (y, rows if rows is not None or before is None else before[1])}
        self.state = self._read(self.checkpoint, sorted(changed), changed)
        self._since = changed
        return self.state

    def _read(self, state: MeterState, times: list[np.datetime64], since: dict[np.datetime64, Any]) -> MeterState:
        for when in times:
            y, known = since[when]
            state = advance(self.model, state, y, when=when, known=known)
        return state

    def _trimmed(self) -> MeterState:
        """The state; the checkpoint follows once twice the reach lies behind it."""
        if len(self._since) >= 2 * self.reach:
            times = sorted(self._since)
            old = times[: len(times) - self.reach]
            self.checkpoint = self._read(self.checkpoint, old, self._since)
            self._since = {when: self._since[when] for when in times[len(old) :]}
        return self.state
