"""Everything that decides the numbers beside the data: options, and whose conventions are followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from syngen._values import check_whole
from syngen.errors import ParameterError, suggestion
from syngen.evaluation.information.binning import BINNINGS
from syngen.evaluation.metrics.dci import DCI_MODELS

__all__ = [
    "COMPATS",
    "Conventions",
    "Options",
    "check_choice",
]

COMPATS = ("disentanglement_lib", "ubisoft")
ACTIVE = ("null", "all")


@dataclass(frozen=True)
class Conventions:
    """Whose rules decide what the definitions leave open.

    Attributes
    ----------
    name : str
        Empty for our own rules.
    bins : {"width", "quantile", "scaled"}
        How codes, and continuous factors, are binned.
    keeps_values : bool
        Whether a column with few values, n / 20 at most, is left as it is.
    finds_derived : bool
        Whether functions of other factors are set apart.
    subtracts_null : bool
        Whether modularity looks at information beyond chance.
    prunes_inactive : bool
        Whether codes without information are left out of means over codes.
    counts_constant : bool
        Whether a constant code counts as one of modularity 0.
    divides_by_code : bool
        Whether MIG and MIG-sup are in parts of the code's entropy.
    standardises : bool
        Whether metrics of distances see standardised codes, with far values at a fence.
    quantile : float
        Of IRS.
    shuffles : bool
        Whether test rows are drawn; otherwise they are the last ones.
    nominal_sap : {"discriminant", "support vectors"}
        Which classifier SAP has for nominal factors.
    dci_model : str
        By default.
    """

    name: str = ""
    bins: Literal["width", "quantile", "scaled"] = "quantile"
    keeps_values: bool = True
    finds_derived: bool = True
    subtracts_null: bool = True
    prunes_inactive: bool = True
    counts_constant: bool = False
    divides_by_code: bool = False
    standardises: bool = True
    quantile: float = 0.99
    shuffles: bool = True
    nominal_sap: Literal["discriminant", "support vectors"] = "discriminant"
    dci_model: str = "forest"

    @classmethod
    def of(cls, compat: str | None, *, binning: str | None, active: str) -> Conventions:
        """Return the rules of a reference implementation, or our own with two options.

        Raises
        ------
        ParameterError
            If a name is unknown, or an option contradicts the reference.
        """
        if binning is not None:
            check_choice("binning", binning, BINNINGS)
        check_choice("active", active, ACTIVE)
        if compat is None:
            return cls(bins="width" if binning == "width" else "quantile", prunes_inactive=active == "null")
        check_choice("compat", compat, COMPATS)
        if binning not in (None, "width"):
            raise ParameterError(
                f"compat={compat!r} has bins of equal width; leave out binning={binning!r}"
            )
        is_ubisoft = compat == "ubisoft"
        return cls(
            name=compat,
            bins="scaled" if is_ubisoft else "width",
            keeps_values=False,
            finds_derived=False,
            subtracts_null=False,
            prunes_inactive=False,
            counts_constant=not is_ubisoft,
            divides_by_code=is_ubisoft,
            standardises=False,
            quantile=1.0 if is_ubisoft else 0.99,
            shuffles=False,
            nominal_sap="discriminant" if is_ubisoft else "support vectors",
            dci_model="lasso" if is_ubisoft else "gbt",
        )


@dataclass(frozen=True)
class Options:
    """Everything that decides the numbers beside the data; refused as a whole if one of them is wrong.

    Attributes are the keywords of `syngen.evaluate`, or what follows from them.
    """

    metrics: tuple[str, ...]
    conventions: Conventions
    n_bins: int
    n_samples: int | None
    test_size: float
    seed: int
    intervals: bool
    dci_model: str
    n_resamples: int
    n_refits: int

    @classmethod
    def of(
        cls, *, compat: str | None, binning: str | None, active: str, dci_model: str | None, **others: Any
    ) -> Options:
        """Return the options of keywords of `syngen.evaluate`; `others` are attributes.

        Raises
        ------
        ParameterError
            If one of them is wrong.
        """
        conventions = Conventions.of(compat, binning=binning, active=active)
        return cls(conventions=conventions, dci_model=dci_model or conventions.dci_model, **others)

    def __post_init__(self) -> None:
        check_choice("dci_model", self.dci_model, DCI_MODELS)
        check_whole("n_bins", self.n_bins, 2)
        if self.n_samples is not None:
            check_whole("n_samples", self.n_samples, 2)
        check_whole("seed", self.seed, 0)
        check_whole("n_resamples", self.n_resamples, 2)
        check_whole("n_refits", self.n_refits, 2)
        if not isinstance(self.test_size, (int, float)) or not 0.0 < self.test_size < 1.0:
            raise ParameterError(f"test_size is {self.test_size!r}; a share between 0 and 1 is needed")


def check_choice(name: str, value: object, options: Sequence[str]) -> None:
    """Refuse a value that is none of the options, and suggest the nearest."""
    if value not in options:
        raise ParameterError(
            f"unknown {name} {value!r}{suggestion(value, options)}; there are {', '.join(options)}"
        )
