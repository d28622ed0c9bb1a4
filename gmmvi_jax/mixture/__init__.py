"""The mixture that is trained: in buffers of fixed capacity."""
