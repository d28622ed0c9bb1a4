"""The Cholesky factor of a product of rows, on the host."""

import numpy as np


def lower_factor(rows: np.ndarray) -> np.ndarray:
    """Returns [D, D] the lower Cholesky factor of A^T A, of rows A [N, D] with N at least D.

    R of a QR decomposition: a Cholesky factor without the square of the condition number.
    """
    upper = np.linalg.qr(rows).R
    return np.transpose(upper * np.sign(np.diag(upper))[:, None])
