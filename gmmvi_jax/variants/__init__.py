"""Configurations: codenames, the named variants, and the published settings."""
