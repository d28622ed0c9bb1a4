"""Posteriors of the benchmark sbibm, for which it ships reference samples."""
