"""The published TensorFlow code and this package on the same arrays, module by module."""
