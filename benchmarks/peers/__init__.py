"""What is compared, one method per file; each imports its package when it is asked to fit."""
