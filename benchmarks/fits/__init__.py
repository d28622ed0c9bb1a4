"""`gmmvi_jax.fit` without settings: how far it comes, and after how many evaluations."""
