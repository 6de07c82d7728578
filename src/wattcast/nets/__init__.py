"""Recurrent networks as Equinox modules, from one cell to a forecaster in a file."""

from wattcast.nets.cells import CELLS as CELLS
from wattcast.nets.cells import AbstractCell as AbstractCell
from wattcast.nets.dilated import Dilated as Dilated
from wattcast.nets.dilated import dilated as dilated
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
