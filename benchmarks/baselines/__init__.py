"""Other ways to fit a Gaussian mixture, small and plain, to be compared with."""
