"""Covariances of low rank plus diagonal, beside diagonal and full ones and a guide of NumPyro."""
