"""Runs with the study's published settings: quality and cost, set against goals."""
