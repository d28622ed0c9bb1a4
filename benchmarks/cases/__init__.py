"""Densities and uses on which a user of variational inference goes wrong, and what is right."""
