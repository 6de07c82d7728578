"""Backtests and series as pictures and as one self-contained HTML page. Only this package plots."""
