"""Module 6: how the mixture's weights move along their natural gradient."""
