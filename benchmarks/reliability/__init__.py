"""Runs under faults: kills, full disks, functions that break; how they end, and what is lost."""
