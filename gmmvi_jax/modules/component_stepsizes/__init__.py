"""Module 5: the stepsize of every component."""
