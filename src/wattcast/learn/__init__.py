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
    "patterns": "sequence in, sequence out: five patterns, each on a task with its score",
    "elman": "Elman's cell, worked by hand and on a year of demand",
}


def run(topic: str) -> Lesson:
    """The lesson on one of `TOPICS`, with the numbers of this machine.

    Raises:
        KeyError: there is no such topic.
    """
    if topic not in TOPICS:
        raise KeyError(topic)
    return import_module(f"wattcast.learn.{topic}").run()
