"""Recurrent networks as Equinox modules, from one cell to a forecaster in a file."""
