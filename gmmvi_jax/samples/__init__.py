"""The samples of a run: the batch in use, the archive, and the window of reuse."""
