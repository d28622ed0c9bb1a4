"""Benchmarks: what the README claims, as commands."""
