"""The ideas of the chapter on recurrent networks, each as something to run on real load: `wattcast learn TOPIC`.

One module a topic; its `run(...)` gives a `Lesson`. Nothing of it is imported before it runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattcast.learn.lesson import Lesson

#: Topics in the order they are best read, and what each shows.
TOPICS = {
    "unroll": "a recurrent network unrolled in time: sequence in, sequence out, and the state between",
    "patterns": "sequence in, sequence out: five patterns, each on a task with its score",
    "hopfield": "Hopfield's network, where it began: a day restored from a part of it",
    "elman": "Elman's cell, worked by hand and on a year of demand",
    "bptt": "back-propagation through time as a plain loop, and what cutting it short costs",
    "gradients": "how far back a gradient reaches, by cell, and what changes that",
    "gates": "the gates of LSTM and GRU over a real day, and what each is worth",
    "cells": "newer cells beside the classic ones at equal training time, and gaps from both sides",
    "chapter": "the chapter's own job, its loss and ours, and why repeating the last reading beat it",
    "elsewhere": "the same cells on text and on music",
}


def run(topic: str) -> Lesson:
    """The lesson on one of `TOPICS`, with the numbers of this machine.

    Raises:
        KeyError: there is no such topic.
    """
    if topic not in TOPICS:
        raise KeyError(topic)
    return import_module(f"wattcast.learn.{topic}").run()
