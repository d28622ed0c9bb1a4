"""The tests; ``cases`` and ``differential`` also serve ``python -m benchmarks``."""
