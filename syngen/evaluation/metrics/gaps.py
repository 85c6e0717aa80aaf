"""Metrics made of gaps between the greatest and the second greatest mutual information.

================  =====================================================================================
MIG               R. T. Q. Chen, X. Li, R. Grosse, D. Duvenaud, "Isolating Sources of Disentanglement in
                  Variational Autoencoders", NeurIPS 2018 (arXiv 1802.04942)
adjusted MIG      the same of (I - E) / (H - E), E being the information that shuffled rows have: MIG
                  punishes perfect codes with many values, because plug-in information is biased by about
                  (values - 1)(levels - 1) / 2n
MIG-sup           Z. Li, J. V. Murthy, P. K. Gyawali, L. Wang, "Progressive Learning and Disentanglement
                  of Hierarchical Representations", ICLR 2020 (arXiv 2002.10549)
DCIMIG            A. Sepliarskaia, J. Kiseleva, M. de Rijke, "How to Not Measure Disentanglement",
                  arXiv 1910.05587
JEMMIG            K. Do, T. Tran, "Theory and Evaluation Metrics for Learning Disentangled
                  Representations", ICLR 2020 (arXiv 1908.09961)
================  =====================================================================================

All lie in 0..1. Deviations from the reference implementations: where there is one code or one factor only,
the second greatest is 0 (they fail); a factor without entropy has no gap and is left out. Ubisoft's MIG and
MIG-sup divide by the entropy of the code instead of the factor's (`mig_per_factor`, `mig_sup_per_code` take
either). Ratios of entropies do not depend on the logarithm's base, so that everything stays in nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray

__all__ = [
    "dcimig",
    "dcimig_per_factor",
    "jemmig_per_factor",
    "mig_per_factor",
    "mig_sup_per_code",
    "top_two",
]


def top_two(matrix: FloatArray, *, excluded: BoolArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Return the greatest and the second greatest value of each column.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, k)
        Not negative.
    excluded : ndarray of bool, shape (n, k), optional
        Places that cannot be the second greatest (they can be the greatest).

    Returns
    -------
    first, second : ndarray of float64, shape (k,)
        0 where there is no such value.

    Examples
    --------
    >>> top_two(np.array([[0.5], [0.9], [0.2]]))
    (array([0.9]), array([0.5]))
    >>> top_two(np.array([[0.5]]))
    (array([0.5]), array([0.]))
    """
    n, k = matrix.shape
    if n == 0:
        return np.zeros(k), np.zeros(k)
    best = matrix.argmax(axis=0)
    columns = np.arange(k)
    first = matrix[best, columns]
    others = matrix.copy()
    if excluded is not None:
        others[excluded] = 0.0
    others[best, columns] = 0.0
    return first, others.max(axis=0)


def mig_per_factor(
    information: FloatArray, scale: FloatArray, *, excluded: BoolArray | None = None
) -> FloatArray:
    """Return (I1 - I2) / H of each factor: 1 if one code knows it and no other knows anything of it.

    Parameters
    ----------
    information : ndarray of float64, shape (n_codes, n_factors)
    scale : ndarray of float64, shape (n_factors,) or (n_codes, 1)
        Entropy of each factor, or of each code as in the Ubisoft implementation.
    excluded : ndarray of bool, shape (n_codes, n_factors), optional
        See `top_two`.

    Returns
    -------
    ndarray of float64, shape (n_factors,)
    """
    first, second = top_two(_divided(information, scale), excluded=excluded)
    return np.clip(first - second, 0.0, 1.0)


def mig_sup_per_code(information: FloatArray, scale: FloatArray) -> FloatArray:
    """Return the gap between the two factors that a code knows most of, each in parts of its entropy.

    Parameters
    ----------
    information : ndarray of float64, shape (n_codes, n_factors)
    scale : ndarray of float64, shape (n_factors,) or (n_codes, 1)
        See `mig_per_factor`.

    Returns
    -------
    ndarray of float64, shape (n_codes,)
    """
    first, second = top_two(_divided(information, scale).T)
    return np.clip(first - second, 0.0, 1.0)


def _divided(information: FloatArray, scale: FloatArray) -> FloatArray:
    scales = np.broadcast_to(scale, information.shape)
    return np.divide(information, scales, out=np.zeros_like(information), where=scales > 0.0)


def dcimig_per_factor(information: FloatArray) -> FloatArray:
    """Return the best gap that a code has for each factor, in nats.

    The gap of a code is I1 - I2 over factors and belongs to the factor of I1; a factor takes the greatest.
    """
    n_codes, n_factors = information.shape
    if n_codes == 0:
        return np.zeros(n_factors)
    first, second = top_two(information.T)
    gaps = np.zeros_like(information)
    gaps[np.arange(n_codes), information.argmax(axis=1)] = first - second
    result: FloatArray = gaps.max(axis=0)
    return result


def dcimig(information: FloatArray, factor_entropies: FloatArray) -> float:
    """Return the sum of the best gaps over the sum of the factors' entropies."""
    total = float(factor_entropies.sum())
    return min(1.0, float(dcimig_per_factor(information).sum()) / total) if total > 0.0 else 0.0


def jemmig_per_factor(
    information: FloatArray,
    code_entropies: FloatArray,
    factor_entropies: FloatArray,
    *,
    n_bins: int,
    excluded: BoolArray | None = None,
) -> FloatArray:
    """Return 1 - (H(v, z1) - I1 + I2) / (H(v) + log n_bins) of each factor v with its best code z1.

    Parameters
    ----------
    information : ndarray of float64, shape (n_codes, n_factors)
    code_entropies, factor_entropies : ndarray of float64
        Entropies in nats.
    n_bins : int
        Bins of a code. One that keeps more values than that counts its own entropy instead.
    excluded : ndarray of bool, shape (n_codes, n_factors), optional
        See `top_two`.

    Returns
    -------
    ndarray of float64, shape (n_factors,)
        1 if one code is the factor renamed. Not 0 for random codes: it falls with the entropy of z1.
    """
    n_codes, n_factors = information.shape
    if n_codes == 0:
        return np.zeros(n_factors)
    first, second = top_two(information, excluded=excluded)
    of_best = code_entropies[information.argmax(axis=0)]
    joint = of_best + factor_entropies - first
    most = factor_entropies + np.maximum(np.log(n_bins), of_best)
    return np.asarray(np.clip(1.0 - (joint - first + second) / most, 0.0, 1.0))
