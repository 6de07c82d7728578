"""wattcast forecasts electricity load from meter readings with recurrent neural networks.

    >>> import wattcast
    >>> model = wattcast.LoadForecaster(horizon=24)  # then: model.fit(frame).predict()

Nothing heavy is imported until it is used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from wattcast.check import check as check
    from wattcast.describe import describe as describe
    from wattcast.estimator import LoadForecaster as LoadForecaster
    from wattcast.estimator import backtest as backtest
    from wattcast.estimator import load as load
    from wattcast.nets.forecaster import NetworkSettings as NetworkSettings
    from wattcast.read import read as read
    from wattcast.read import read_frame as read_frame
    from wattcast.read import synthetic as synthetic
    from wattcast.schema import NotReady as NotReady
    from wattcast.schema import ReadingsError as ReadingsError
    from wattcast.train import TrainSettings as TrainSettings

_HOME = {
    "LoadForecaster": "estimator",
    "backtest": "estimator",
    "load": "estimator",
    "NetworkSettings": "nets.forecaster",
    "TrainSettings": "train",
    "NotReady": "schema",
    "ReadingsError": "schema",
    "check": "check",
    "describe": "describe",
    "read": "read",
    "read_frame": "read",
    "synthetic": "read",
}

__all__ = [
    "LoadForecaster",
    "NetworkSettings",
    "NotReady",
    "ReadingsError",
    "TrainSettings",
    "__version__",
    "backtest",
    "check",
    "describe",
    "load",
    "read",
    "read_frame",
    "synthetic",
]


class _Room(ModuleType):
    """A room with the name of its function, which it hides as an attribute: it can be called as that."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **options)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        """Importing `wattcast.read` sets it here, so `wattcast.read(path)` has to work with the module."""
        if isinstance(value, ModuleType) and name in _HOME:
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (a tenth of the runtime's import)

    try:
        return version("wattcast")
    except PackageNotFoundError:  # run from a checkout
        return "0+unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        globals()[name] = found = _version()
        return found
    if name not in _HOME:
        raise AttributeError(f"module 'wattcast' has no attribute {name!r}")
    home = import_module(f"wattcast.{_HOME[name]}")
    value = home if _HOME[name] == name else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
