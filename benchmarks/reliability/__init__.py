"""Measurements of what happens around a run: what it costs to keep it on the disk."""
