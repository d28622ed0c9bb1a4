"""The mixture in training, in buffers of fixed capacity."""
