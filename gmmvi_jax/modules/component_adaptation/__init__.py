"""Module 2: the number of components."""
