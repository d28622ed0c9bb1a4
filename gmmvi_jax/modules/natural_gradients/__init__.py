"""Module 1: estimators of the natural gradient of every component."""
