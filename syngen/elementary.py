"""Elementary functions whose every bit is the same on every machine.

NumPy's transcendental functions change their last bits with the CPU (its dispatch) and with the C
library. These are made only of operations that IEEE 754 fixes bit for bit (+, -, *, /, square root,
rounding, comparison, and the exact `frexp`, `ldexp` and `copysign`), each as an elementwise ufunc
of its own, so no compiler fuses two of them.

The polynomials interpolate the function at Chebyshev nodes, computed once with 60 digits and written
down as literals. Reductions of the argument are exact wherever that is possible, and noted where not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from syngen._typing import FloatArray

__all__ = ["LN2", "TAU", "exp2", "log2", "normal_quantile", "polynomial", "sin2pi"]

TAU = 6.283185307179586
LN2 = 0.6931471805599453

_SQRT_HALF = 0.7071067811865476

_SIN2PI = (
    6.283185307179586,
    -41.341702240399755,
    81.60524927607362,
    -76.70585975282492,
    42.058693925428685,
    -15.0946416761179,
    3.8199280942271643,
    -0.7177337921413454,
    0.10089695501646812,
)
_EXP2 = (
    0.6931471805599453,
    0.24022650695910072,
    0.055504108664821625,
    0.00961812910762848,
    0.001333355814640647,
    0.00015403530393370734,
    1.5252733841556773e-05,
    1.3215486808705563e-06,
    1.0178057087733941e-07,
    7.0548973041554995e-09,
    4.4558179083360645e-10,
    2.5729324177362305e-11,
)
_LOG2 = (
    2.8853900817779268,
    0.9617966939259754,
    0.5770780163556934,
    0.41219858307348606,
    0.3205989045353651,
    0.26230754806401313,
    0.22198980761494067,
    0.1911392479842068,
    0.19133171202266566,
)

# Coefficients of PPND16: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal
# Distribution", Applied Statistics 37 (1988), 477-484. Lowest power first.
_CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_SHOULDER = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_TAIL = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def polynomial(
    coefficients: tuple[float, ...], x: FloatArray, *, out: FloatArray | None = None
) -> FloatArray:
    """Value of a polynomial, by Horner's rule; multiplication and addition stay separate.

    Parameters
    ----------
    coefficients : tuple of float
        At least two, lowest power first.
    x : ndarray of float64, any shape
    out : ndarray of float64, same shape, optional
        Written to, and returned; not `x`.

    Returns
    -------
    ndarray of float64, same shape

    Examples
    --------
    >>> polynomial((1.0, 0.0, 2.0), np.array([0.0, 3.0])).tolist()
    [1.0, 19.0]
    """
    y = np.asarray(np.multiply(x, coefficients[-1], out=out))
    for coefficient in coefficients[-2:0:-1]:
        np.add(y, coefficient, out=y)
        np.multiply(y, x, out=y)
    np.add(y, coefficients[0], out=y)
    return y


def sin2pi(cycles: ArrayLike) -> FloatArray:
    """Sine of an angle in cycles.

    Parameters
    ----------
    cycles : array_like of float64, any shape
        Angle; 1.0 is a full turn. Finite; the reduction to one turn is exact.

    Returns
    -------
    ndarray of float64, same shape
        ``sin(2 pi cycles)``, absolute error below 1e-15, exactly 0 and +-1 at quarter turns.

    Examples
    --------
    >>> [float(y) for y in sin2pi([0.0, 0.25, 0.5, 1e9 + 0.75])]
    [0.0, 1.0, 0.0, -1.0]
    """
    x = np.asarray(cycles, dtype=np.float64)
    r = np.asarray(np.rint(x))
    np.subtract(x, r, out=r)
    # |r| <= 1/2; the outer quarters fold back on the inner ones, which is exact (Sterbenz)
    y = np.asarray(np.absolute(r))
    z = np.asarray(np.subtract(0.5, y))
    np.minimum(y, z, out=y)
    np.copysign(y, r, out=r)
    np.multiply(r, r, out=z)
    y = polynomial(_SIN2PI, z, out=y)
    np.multiply(y, r, out=y)
    return y


def exp2(exponent: ArrayLike) -> FloatArray:
    """Two to the power of `exponent`.

    Parameters
    ----------
    exponent : array_like of float64, any shape
        Finite, -1022 to 1023.

    Returns
    -------
    ndarray of float64, same shape
        Relative error below 1e-15; exact for whole numbers.

    Examples
    --------
    >>> [float(y) for y in exp2([-1.0, 0.0, 10.0])]
    [0.5, 1.0, 1024.0]
    """
    x = np.asarray(exponent, dtype=np.float64)
    whole = np.rint(x)
    fraction = np.subtract(x, whole)
    y = polynomial(_EXP2, fraction)
    np.multiply(y, fraction, out=y)
    np.add(y, 1.0, out=y)
    return np.asarray(np.ldexp(y, whole.astype(np.int32)))


def log2(x: ArrayLike) -> FloatArray:
    """Logarithm to base 2.

    Parameters
    ----------
    x : array_like of float64, any shape
        Positive and finite.

    Returns
    -------
    ndarray of float64, same shape
        Relative error below 1e-15; exact for powers of two.

    Notes
    -----
    With x = m 2^k and m between sqrt(1/2) and sqrt(2), log2 x = k + 2 atanh(s) / ln 2 where
    s = (m - 1) / (m + 1).

    Examples
    --------
    >>> [float(y) for y in log2([0.25, 1.0, 1024.0])]
    [-2.0, 0.0, 10.0]
    """
    mantissa, k = np.frexp(np.asarray(x, dtype=np.float64))
    low = mantissa < _SQRT_HALF
    m = np.where(low, np.multiply(mantissa, 2.0), mantissa)
    k = np.subtract(k, low.astype(np.int32))
    s = np.divide(np.subtract(m, 1.0), np.add(m, 1.0))
    y = polynomial(_LOG2, np.multiply(s, s))
    np.multiply(y, s, out=y)
    return np.asarray(np.add(y, k.astype(np.float64)))


def normal_quantile(probability: ArrayLike) -> FloatArray:
    """Quantile of the standard normal distribution.

    Parameters
    ----------
    probability : array_like of float64, any shape
        Between 0 and 1, both excluded.

    Returns
    -------
    ndarray of float64, same shape
        z with P(Z <= z) = probability; error below 1e-15 times max(1, abs(z)).

    References
    ----------
    Wichura, "Algorithm AS 241", Applied Statistics 37 (1988), routine PPND16.

    Examples
    --------
    >>> float(normal_quantile(0.5))
    0.0
    >>> round(float(normal_quantile(0.975)), 6)
    1.959964
    """
    p = np.asarray(probability, dtype=np.float64)
    q = np.subtract(p, 0.5)
    centre = np.absolute(q) <= 0.425
    r = np.subtract(0.180625, np.multiply(q, q))
    inner = np.multiply(q, np.divide(polynomial(_CENTRE[0], r), polynomial(_CENTRE[1], r)))
    tail = np.minimum(p, np.subtract(1.0, p))
    # the centre's values are not used below: any harmless number stands in for them
    depth = np.sqrt(np.multiply(log2(np.where(centre, 0.25, tail)), -LN2))
    r = np.subtract(depth, 1.6)
    near = np.divide(polynomial(_SHOULDER[0], r), polynomial(_SHOULDER[1], r))
    r = np.subtract(depth, 5.0)
    far = np.divide(polynomial(_TAIL[0], r), polynomial(_TAIL[1], r))
    outer = np.copysign(np.where(depth <= 5.0, near, far), q)
    return np.where(centre, inner, outer)
