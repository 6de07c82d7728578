"""Forecasts from a held state, without JAX: for servers, edge boxes, and everything that reads meters live.

    model = runtime.load("load.wattcast")
    state = runtime.prime(model, panel)
    state = runtime.advance(model, state, 0.42)
    runtime.predict(model, state).median

NumPy, safetensors and the native library where it was built; `docs/runtime.md` says how to install it alone.
"""

from wattcast.runtime.live import advance, moment, predict, restored
from wattcast.runtime.model import Model, load, model_of
from wattcast.runtime.record import MeterState
from wattcast.runtime.replay import Track
from wattcast.runtime.start import prime

__all__ = ["MeterState", "Model", "Track", "advance", "load", "model_of", "moment", "predict", "prime", "restored"]
