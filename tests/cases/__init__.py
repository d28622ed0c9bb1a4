"""Densities and uses that went wrong for somebody, each beside the right value."""
