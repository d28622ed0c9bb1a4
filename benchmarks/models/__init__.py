"""Models written in NumPyro: one call of `fit` beside NUTS and a Gaussian guide."""
