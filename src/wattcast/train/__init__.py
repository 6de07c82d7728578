"""Training a forecaster: settings, the stages of it, and its checkpoints."""

from wattcast.train.checkpoint import Place as Place
from wattcast.train.settings import Epoch as Epoch
from wattcast.train.settings import TrainSettings as TrainSettings
from wattcast.train.stages import fit as fit
