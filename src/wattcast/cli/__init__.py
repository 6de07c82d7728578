"""The command line. Verbs live in a module each; nothing heavy is imported before a verb runs."""

from __future__ import annotations

from wattcast.cli.app import main as main
