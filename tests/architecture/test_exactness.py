"""The sample path uses only operations whose bits are the same on every machine.

The design (section 5) allows what IEEE 754 fixes bit for bit, each as an elementwise operation of its
own, and integers. This reads the source of every module on the way from a recipe to a sample, and refuses
any name of NumPy that is not known to be of that kind.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import syngen

PACKAGE = Path(syngen.__file__).parent
MODULES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for pattern in (
        "elementary.py",
        "seeding.py",
        "factors/*.py",
        "sampling.py",
        "splits.py",
        "nuisances.py",
        "units.py",
        "dsp/*.py",
        "resolving/*.py",
        "synth/**/*.py",
    )
    for path in PACKAGE.glob(pattern)
)

TYPES = {
    *("bool_", "int16", "int32", "int64", "uint64", "float32", "float64"),
    *("ndarray", "dtype", "generic", "integer", "floating", "object_"),
}
# copies, filled arrays, whole numbers
CREATION = {
    *("array", "asarray", "ascontiguousarray", "empty", "empty_like", "zeros", "zeros_like"),
    *("ones", "ones_like", "full", "arange", "frombuffer"),
}
# one correctly rounded IEEE 754 operation an element, or an exact one
ELEMENTWISE = {
    *("add", "subtract", "multiply", "divide", "sqrt", "absolute", "copysign", "rint", "floor"),
    *("fmod", "frexp", "ldexp", "minimum", "maximum", "isnan", "nextafter"),
}
# elements are moved, chosen or counted
MOVING = {
    *("where", "concatenate", "copyto", "repeat", "roll", "stack", "flatnonzero", "unique", "bincount"),
    *("sort", "argsort", "count_nonzero"),  # of numbers that are all different, where the order counts
}
# the same whatever the order
EXTREMES = {"minimum.reduce", "maximum.reduce"}
INTEGER = {"left_shift", "right_shift", "bitwise_and", "bitwise_or", "bitwise_xor"}
NUMPY = {
    *(TYPES | CREATION | ELEMENTWISE | MOVING | EXTREMES | INTEGER),
    "errstate",  # which warnings are given, and no number
    "random.Philox",  # only raw 64-bit words are drawn from it
}
# prod, gcd and isqrt take integers; fmod, frexp and ldexp are exact; fsum is rounded once from the exact
# sum; sqrt is IEEE 754's
MATH = {"sqrt", "floor", "ceil", "isfinite", "isnan", "isclose", "isqrt"} | {
    *("fmod", "frexp", "ldexp", "fsum", "prod", "gcd")
}
# their order of summation, or their library, decides the last bits; min, max, any and all are exact
REDUCING_METHODS = {"sum", "mean", "dot", "std", "var", "cumsum", "cumprod", "prod", "trace"}
# sum() of floats adds differently from Python 3.12 on, and pow() is libm's
BUILTINS = {"sum", "pow"}
FOREIGN_MODULES = {
    *("scipy", "cmath", "statistics", "random", "numba", "librosa", "soxr", "torch", "pandas")
}
# expressions over integers alone, where any order and any library is exact
INTEGER_EXPRESSIONS = {
    "factors/regions.py": {"sum(sizes)", "sum((_size(box, self.grid) for box in self.boxes))"},
    "sampling.py": {
        "np.add.reduce",  # counts of points
        "sum(self.split_sizes.values())",
        "sum((int(np.add.reduce(c)) for c in self._walk.counts[:block]))",
    },
    "synth/speech/engines/espeak.py": {
        "sum((min(length, position - start) for start, length in commands if start < position))"
    },
    "synth/speech/synthesizer.py": {"sum((len(str(text)) for text in texts))"},
    "synth/tone/checks.py": {"sum((count * count for count in counts))"},
    # both sides hold integers in float64, and every partial sum stays below 2**53
    "dsp/inharmonic.py": {"np.einsum"},
    "dsp/level.py": {"np.dot", "np.dot(samples, samples)"},
    "dsp/resampling.py": {"np.matmul"},
    "dsp/noise.py": {"np.add.reduce"},
    "dsp/power.py": {"np.einsum"},
    "dsp/active_level.py": {"np.einsum", "sum(map(int, active.tolist()))"},
}
# what was measured to give the same bits everywhere for one version of SciPy, which is in the fingerprint
MEASURED_IMPORTS = {
    "dsp/filters.py": {"from scipy.signal import sosfilt"},
    "dsp/whispering.py": {"from scipy.fft import irfft, rfft"},
}


def violations(source: str, module: str = "") -> Iterator[str]:
    """Yield what a module does that is not known to be exact."""
    tree = ast.parse(source)
    allowed = INTEGER_EXPRESSIONS.get(module, set())
    inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.expr) else ""
        if text in allowed:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            if ast.unparse(node) in MEASURED_IMPORTS.get(module, ()):
                continue
            yield from _import_violations(node)
        elif isinstance(node, ast.Attribute):
            chain = _chain(node)
            if id(node) not in inner and chain and not _is_exact(chain):
                yield f"line {node.lineno}: {chain}"
        elif isinstance(node, ast.Name) and node.id in ("np", "math") and id(node) not in inner:
            yield f"line {node.lineno}: {node.id} handed on"
        elif isinstance(node, ast.Call):
            yield from _call_violations(node)
        elif isinstance(node, ast.BinOp | ast.AugAssign):
            if isinstance(node.op, ast.MatMult):
                yield f"line {node.lineno}: @"
            elif isinstance(node.op, ast.Pow) and not _is_exact_power(node):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def _import_violations(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        module = alias.name if isinstance(node, ast.Import) else node.module or ""
        top = module.partition(".")[0]
        if isinstance(node, ast.Import):
            is_exact = (alias.name, alias.asname) in {("numpy", "np"), ("math", None)}
        else:
            is_exact = module == "numpy.typing"
        if top in FOREIGN_MODULES or (top in ("numpy", "math") and not is_exact):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def _call_violations(node: ast.Call) -> Iterator[str]:
    function = node.func
    if isinstance(function, ast.Name) and function.id in BUILTINS:
        yield f"line {node.lineno}: {ast.unparse(node)}"
    is_reducing = isinstance(function, ast.Attribute) and function.attr in REDUCING_METHODS
    if is_reducing and not _chain(function).startswith("math."):
        yield f"line {node.lineno}: {ast.unparse(node)}"


def _chain(node: ast.expr) -> str:
    """Return ``np.random.Philox`` for such a chain of attributes of np or math, or an empty text."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    is_library = isinstance(node, ast.Name) and node.id in ("np", "math")
    return ".".join([node.id, *names]) if is_library and isinstance(node, ast.Name) else ""


def _is_exact(chain: str) -> bool:
    library, _, name = chain.partition(".")
    return name in (NUMPY if library == "np" else MATH)


def _is_exact_power(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whole powers of whole numbers, and powers of two to a whole exponent: no rounding occurs.

    An exponent is known to be whole if it is a literal, or a name that ends with ``bits`` or ``BITS``.
    """
    if isinstance(node, ast.AugAssign):
        return False
    base, exponent = node.left, node.right
    is_negative = isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, ast.USub)
    if isinstance(exponent, ast.UnaryOp) and is_negative:
        exponent = exponent.operand
    is_literal = isinstance(exponent, ast.Constant) and type(exponent.value) is int
    is_whole = is_literal or (isinstance(exponent, ast.Name) and exponent.id.lower().endswith("bits"))
    if not isinstance(base, ast.Constant) or not is_whole:
        return False
    return base.value == 2 or (type(base.value) is int and is_literal and not is_negative)


def test_modules_of_the_sample_path_are_found() -> None:
    assert len(MODULES) > 15
    assert {
        "elementary.py",
        "dsp/oscillators.py",
        "synth/tone/synthesizer.py",
        "resolving/rendering.py",
    } <= set(MODULES)
    speech = {"synth/speech/voice/coloring.py", "synth/speech/engines/espeak.py", "dsp/active_level.py"}
    assert speech | set(MEASURED_IMPORTS) <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_module_uses_exact_operations_only(module: str) -> None:
    assert list(violations((PACKAGE / module).read_text("utf-8"), module)) == []


@pytest.mark.parametrize(
    "snippet",
    [
        "np.exp(x)",
        "np.sin(x)",
        "np.power(x, 2.0)",
        "np.log2(x)",
        "np.dot(a, b)",
        "np.einsum('i,i->', a, b)",
        "np.linspace(0.0, 1.0, 5)",
        "np.geomspace(1.0, 2.0, 5)",
        "np.interp(x, a, b)",
        "np.fft.rfft(x)",
        "np.random.default_rng(1)",
        "np.add.reduce(x)",
        "np.multiply.accumulate(x)",
        "np.linalg.norm(x)",
        "np.pi",
        "f = np.tanh",
        "f = np",
        "getattr(np, 'exp')(x)",
        "math.pow(2.0, x)",
        "math.exp(x)",
        "math.log2(x)",
        "f(math)",
        "a @ b",
        "a @= b",
        "x ** 2",
        "2 ** x",
        "2.0 ** 0.5",
        "10.0 ** -3",
        "10 ** -3",
        "10 ** bits",
        "x **= 2",
        "pow(2.0, x)",
        "sum(x)",
        "x.sum()",
        "(a * b).mean()",
        "x.std()",
        "x.cumsum()",
        "x[0].dot(y)",
        "np.multiply(a, b).sum()",
        "from scipy import signal",
        "import scipy.signal",
        "from scipy.signal import lfilter",
        "import numpy",
        "import numpy as xp",
        "import numpy.linalg as la",
        "from numpy import exp",
        "from numpy.linalg import norm",
        "from math import exp",
        "import math as m",
        "import cmath",
        "def f():\n    import random\n",
    ],
)
def test_inexact_operation_is_noticed(snippet: str) -> None:
    assert list(violations(f"{snippet}\n"))


@pytest.mark.parametrize(
    "snippet",
    [
        "import numpy as np",
        "import math",
        "from numpy.typing import ArrayLike",
        "np.add(np.multiply(a, b), 1.0)",
        "np.rint(x, out=x).astype(np.int16)",
        "np.random.Philox(key=k).random_raw(5)",
        "math.sqrt(math.fsum(a * a for a in x) / 2.0)",
        "math.prod(sizes)",
        "2.0**-53",
        "2**64 - 1",
        "10**6",
        "np.arange(1 << bits) * 2.0**-bits",
        "2.0**-_PHASE_BITS",
        "(x > 0).any()",
        "x.max()",
        "{**a, **b}",
    ],
)
def test_exact_operation_passes(snippet: str) -> None:
    assert list(violations(f"{snippet}\n")) == []


@pytest.mark.parametrize("module", INTEGER_EXPRESSIONS)
def test_exceptions_for_integers_are_still_needed(module: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    found = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    assert found >= INTEGER_EXPRESSIONS[module]


@pytest.mark.parametrize("module", MEASURED_IMPORTS)
def test_measured_imports_are_still_needed_and_allowed_nowhere_else(module: str) -> None:
    source = (PACKAGE / module).read_text("utf-8")
    found = {ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert found >= MEASURED_IMPORTS[module]
    assert list(violations(source, "dsp/level.py"))
    assert list(violations(source + "\nfrom scipy.signal import lfilter\n", module))
