"""Metrics, rolling-origin backtest, comparison of the network with its baselines, tests of the difference."""

from wattcast.evaluate.backtest import Backtest as Backtest
from wattcast.evaluate.backtest import backtest as backtest
from wattcast.evaluate.backtest import daily_origins as daily_origins
from wattcast.evaluate.compare import NETWORK as NETWORK
from wattcast.evaluate.compare import Scores as Scores
from wattcast.evaluate.compare import beats as beats
from wattcast.evaluate.compare import compare as compare
from wattcast.evaluate.groups import by as by
from wattcast.evaluate.inference import Difference as Difference
from wattcast.evaluate.metrics import METRICS as METRICS
from wattcast.evaluate.peaks import PEAK_METRICS as PEAK_METRICS
