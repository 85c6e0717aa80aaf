"""What a synthesizer is: the classes that it subclasses, receives and returns.

A synthesizer of your own is one class and one entry point::

    class Clicks(Synthesizer):
        name = "clicks"
        version = "1"
        factors = (FactorSpec("rate", units={"Hz": (1.0, 100.0)}),)

        def prepare(self, request):
            def render(values, streams):
                waveform = np.zeros(request.audio.n_samples)
                waveform[:: round(request.audio.sample_rate / values["rate"])] = 0.5
                return waveform
            return render

and in its ``pyproject.toml``::

    [project.entry-points."syngen.synthesizers"]
    clicks = "syngen_clicks:Clicks"
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Protocol

from syngen.errors import Issue
from syngen.synth.request import NO_PERMISSIONS, Audio, Parameter, Permissions, Request, ValueSource
from syngen.synth.trajectories import Moments, Span, Trajectory

if TYPE_CHECKING:
    from syngen._typing import (
        FloatArray,
        Json,
        Kind,
        Setting,
        Value,
        ValueMapping,
    )
    from syngen.seeding import Stream

__all__ = [
    "NO_PERMISSIONS",
    "Audio",
    "Derived",
    "FactorSpec",
    "Moments",
    "Parameter",
    "Permissions",
    "Renderer",
    "Request",
    "SettingSpec",
    "Span",
    "Spoken",
    "Synthesizer",
    "Trajectory",
    "ValueSource",
]

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class FactorSpec:
    """A variable that a synthesizer understands; a recipe may vary it, fix it or draw it.

    Parameters
    ----------
    name : str
        Name in recipes.
    units : mapping of str to (float or None, float or None)
        Units in which a recipe may give it, the first being assumed, each with the closed range of
        possible values. Empty for text.
    choices : sequence of str, or callable that returns one
        Possible values of a nominal variable.
    kind : {"nominal", "ordinal", "continuous"}
    default : str or float, optional
        Value where the recipe does not mention it; without one it must be mentioned.
    is_optional : bool
        Whether it may be left out without a default; the renderer then gets no value for it.
    summary : str
        One line of explanation.
    sources : mapping of str to ValueSource
        Further keys under which a recipe may give its values.
    former_units : mapping of str to str
        Units of earlier versions, each with the reason why it is refused and what to write instead.
    """

    name: str
    units: Mapping[str, Bounds] = field(default_factory=lambda: MappingProxyType({}))
    choices: Sequence[str] | Callable[[], Iterable[str]] = ()
    kind: Kind = "continuous"
    default: Value | None = None
    is_optional: bool = False
    summary: str = ""
    sources: Mapping[str, ValueSource] = field(default_factory=lambda: MappingProxyType({}))
    former_units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def default_unit(self) -> str:
        """Unit that is meant where a recipe names none."""
        return next(iter(self.units), "")

    def options(self) -> tuple[str, ...]:
        """Return the possible values of a nominal variable."""
        return tuple(self.choices() if callable(self.choices) else self.choices)


@dataclass(frozen=True)
class SettingSpec:
    """A setting of a synthesizer that is neither varied nor drawn.

    Parameters
    ----------
    name : str
        Name under ``settings:``.
    default : bool, str, int, float, tuple or mapping
        Also decides the type: a tuple stands for a list of texts.
    choices : sequence of str
        Possible values of a text setting.
    bounds : (float or None, float or None)
        Closed range of a number.
    summary : str
        One line of explanation.
    """

    name: str
    default: Setting
    choices: Sequence[str] = ()
    bounds: Bounds = (None, None)
    summary: str = ""


@dataclass(frozen=True)
class Derived:
    """A function of one factor, which the manifest shows beside it: the gender of a speaker.

    Attributes
    ----------
    name : str
        Of the column.
    factor : str
    values : tuple
        One per level of the factor, all of one type.
    """

    name: str
    factor: str
    values: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class Spoken:
    """A waveform with what is said in it.

    Attributes
    ----------
    waveform : ndarray of float64, shape (n_samples,)
    transcript : str
    spans : tuple of Span
        Words, then phones; each kind covers the waveform from its first to its last sample.
    start, end : int
        Where speech begins and ends, in samples.
    """

    waveform: FloatArray
    transcript: str
    spans: tuple[Span, ...]
    start: int
    end: int


class Renderer(Protocol):
    """Renders one observation.

    Called with the value of every parameter and a function that opens the random stream of a name for
    this observation; returns float64 of shape (n_samples,), full scale 1.0, which the caller may
    overwrite; a synthesizer that ``speaks`` returns it as `Spoken`.
    """

    def __call__(
        self, values: ValueMapping, streams: Callable[[str], Stream], /
    ) -> FloatArray | Spoken: ...


class Synthesizer(ABC):
    """Turns values into waveforms. Subclass it and register the class by entry point.

    A request is what a recipe asks for, checked against the factors and settings declared here before any
    method gets it.

    The audio must depend on the request, the values and the streams alone, and must be computed with
    operations whose bits are the same everywhere; see `syngen.elementary`.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    """Part of every fingerprint: change it whenever a byte of audio changes, or a default does."""
    factors: ClassVar[Sequence[FactorSpec]]
    settings: ClassVar[Sequence[SettingSpec]] = ()
    speaks: ClassVar[bool] = False
    """Whether its renderers return `Spoken`."""
    needs_worker: ClassVar[bool] = True
    """Whether a dataset is rendered in a worker process even by one job. Code that may hang or crash takes
    a worker along, which is replaced, and not the user's process; pure NumPy code may say False and save
    the start of the worker."""

    def check(self, request: Request) -> Iterable[Issue]:
        """Return what is wrong with a request that only this synthesizer can know.

        Parameters
        ----------
        request : Request

        Returns
        -------
        iterable of Issue
            Each at its place in the recipe; none if all is well.
        """
        return ()

    def identity(self, request: Request) -> Json:
        """Return what else decides the audio, for the fingerprint: an engine's version, for example.

        Parameters
        ----------
        request : Request
        """
        return {}

    def libraries(self, request: Request) -> Mapping[str, str]:
        """Return versions or hashes of libraries, which datasets state and the workers of a run must share.

        What decides the audio belongs into `identity`; this tells what made it.

        Parameters
        ----------
        request : Request

        Returns
        -------
        mapping of str to str
            By the name that ``versions`` of plan.json and dataset.json has, as ``espeak library``.
        """
        return {}

    def derived(self, request: Request) -> Sequence[Derived]:
        """Return what the manifest shall say of the factors' values.

        Parameters
        ----------
        request : Request
        """
        return ()

    def tables(self, request: Request) -> Mapping[str, Mapping[str, Sequence[Value]]]:
        """Return tables that a dataset comes with.

        Parameters
        ----------
        request : Request

        Returns
        -------
        mapping of str to mapping of str to sequence
            Columns by name, by the name of the table.
        """
        return {}

    def trajectories(self, request: Request, moments: Moments) -> Mapping[str, Trajectory]:
        """Return what an observation does over time, from the formulas that make its samples.

        Parameters
        ----------
        request : Request
        moments : Moments
            Which observation, and when.

        Returns
        -------
        mapping of str to Trajectory
            By name, as ``f0``; empty if this synthesizer knows of none.
        """
        return {}

    def median_f0(self, request: Request, values: ValueMapping) -> float | None:
        """Return the median fundamental frequency of an observation.

        Parameters
        ----------
        request : Request
        values : mapping of str to value
            Of every parameter, nuisances and fixed ones included.

        Returns
        -------
        float or None
            In Hz; None where there is none, or this synthesizer does not know it.
        """
        return None

    def typical_s(self, request: Request) -> float:
        """Return roughly how many seconds an observation lasts where the recipe does not say.

        The space on disk is estimated by it. 0.0: unknown.

        Parameters
        ----------
        request : Request
        """
        return 0.0

    def make_ready(self, request: Request) -> None:  # noqa: B027  # most synthesizers need nothing
        """Find out whether this machine can render a request, before anything is written.

        Parameters
        ----------
        request : Request

        Raises
        ------
        SyngenError
            If it cannot, with the remedy.
        """

    @abstractmethod
    def prepare(self, request: Request) -> Renderer:
        """Return a renderer for a request. Called once per process.

        Parameters
        ----------
        request : Request

        Returns
        -------
        Renderer
            Takes values by name and a function that gives random streams by name; returns a waveform,
            float64 of shape (n_samples,), or a `Spoken`.
        """
