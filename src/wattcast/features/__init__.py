"""Readings -> arrays: what a network sees at a moment, from the past and what is known ahead."""
