"""Recurrent networks as Equinox modules, from one cell to a forecaster in a file.

Nothing is imported before it is asked for: model files are read without JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattcast.nets.cells import CELLS as CELLS
    from wattcast.nets.cells import AbstractCell as AbstractCell
    from wattcast.nets.dilated import Dilated as Dilated
    from wattcast.nets.dilated import dilated as dilated
    from wattcast.nets.foreign import gru_from_keras as gru_from_keras
    from wattcast.nets.foreign import gru_from_torch as gru_from_torch
    from wattcast.nets.foreign import lstm_from_keras as lstm_from_keras
    from wattcast.nets.foreign import lstm_from_torch as lstm_from_torch
    from wattcast.nets.newer import NEWER as NEWER
    from wattcast.nets.patterns import PATTERNS as PATTERNS
    from wattcast.nets.patterns import AbstractPattern as AbstractPattern
    from wattcast.nets.patterns import Bidirectional as Bidirectional
    from wattcast.nets.patterns import Classifier as Classifier
    from wattcast.nets.patterns import Dense as Dense
    from wattcast.nets.patterns import EncoderDecoder as EncoderDecoder
    from wattcast.nets.patterns import InStep as InStep
    from wattcast.nets.patterns import ManyToOne as ManyToOne
    from wattcast.nets.patterns import OneToMany as OneToMany
    from wattcast.nets.patterns import OneToOne as OneToOne
    from wattcast.nets.patterns import pattern as pattern
    from wattcast.nets.stack import Stack as Stack

_HOME = {
    "CELLS": "wattcast.nets.cells",
    "AbstractCell": "wattcast.nets.cells",
    "Dilated": "wattcast.nets.dilated",
    "dilated": "wattcast.nets.dilated",
    "gru_from_keras": "wattcast.nets.foreign",
    "gru_from_torch": "wattcast.nets.foreign",
    "lstm_from_keras": "wattcast.nets.foreign",
    "lstm_from_torch": "wattcast.nets.foreign",
    "NEWER": "wattcast.nets.newer",
    "PATTERNS": "wattcast.nets.patterns",
    "AbstractPattern": "wattcast.nets.patterns",
    "Bidirectional": "wattcast.nets.patterns",
    "Classifier": "wattcast.nets.patterns",
    "Dense": "wattcast.nets.patterns",
    "EncoderDecoder": "wattcast.nets.patterns",
    "InStep": "wattcast.nets.patterns",
    "ManyToOne": "wattcast.nets.patterns",
    "OneToMany": "wattcast.nets.patterns",
    "OneToOne": "wattcast.nets.patterns",
    "pattern": "wattcast.nets.patterns",
    "Stack": "wattcast.nets.stack",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOME[name]), name)
    return value
