"""Thin-plate splines: smooth displacement fields through a few known points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _kernel(a: Array, b: Array) -> Array:
    """The thin-plate radial basis r^2 log r between two sets of points [n, 2] and [m, 2]."""
    square = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)
    result: Array = 0.5 * square * np.log(np.maximum(square, 1e-18))
    return result


def interpolate(points: Array, values: Array, queries: Array, smoothing: float = 1e-3) -> Array:
    """Evaluate at `queries` [m, 2] the smoothest surface near `values` [n, d] at `points` [n, 2].

    Solves Duchon's system [[K + smoothing I, P], [P', 0]] with P = [1, x, y]. Points and queries should be scaled
    to about unit size, which keeps the system well conditioned and `smoothing` independent of the picture's size.
    """
    n = len(points)
    affine = np.hstack([np.ones((n, 1)), points])
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(points, points) + smoothing * np.eye(n)
    system[:n, n:] = affine
    system[n:, :n] = affine.T
    right = np.zeros((n + 3, values.shape[1]))
    right[:n] = values
    weights = np.linalg.solve(system, right)
    queried: Array = _kernel(queries, points) @ weights[:n]
    queried += np.hstack([np.ones((len(queries), 1)), queries]) @ weights[n:]
    return queried
