"""Module 3: which samples an iteration works with."""
