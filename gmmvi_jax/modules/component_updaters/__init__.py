"""Module 4: how components move along their natural gradient."""
