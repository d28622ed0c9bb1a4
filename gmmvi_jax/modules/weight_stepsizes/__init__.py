"""Module 7: the stepsize of the mixture's weights."""
