"""What may happen to a run, each in a process of its own."""
