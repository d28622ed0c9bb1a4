"""Builders of data files, reference samples and reference arrays."""
