"""Ten densities as other people write them: ``fit`` beside NUTS and NumPyro's Gaussian guide."""
