"""Numerical building blocks: blocked loops, Gaussians, weighted sums, trust regions."""
