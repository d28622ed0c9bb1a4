"""What only a machine with an accelerator can decide; ``python -m benchmarks.device``."""
