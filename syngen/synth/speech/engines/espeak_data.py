"""The private folder of an espeak engine: copies of the library and its data, and voice variants.

It lives in the system's folder for temporary files, belongs to one engine in one process, and is removed
when the engine is closed or the process ends. What a killed process left is removed by the next engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
import weakref
from collections import OrderedDict
from functools import cached_property
from pathlib import Path

from syngen.errors import EngineError, ParameterError
from syngen.io.files import sha256_of
from syngen.io.locks import exclusive_lock
from syngen.io.workspace import InTheWayError, check_folder, remove, working_folder
from syngen.synth.speech.engines.base import Voice

__all__ = ["DEFAULT_VOICE", "MAX_VARIANT_FILES", "Installation", "PrivateFolder", "check_variant"]

DEFAULT_VOICE = "en-us"
MAX_VARIANT_FILES = 2_048
"""Variants kept as files; the one that was not used for longest goes first."""

_PREFIX = "syngen-espeak-"
_YOUNG_S = 60.0
_DATA_FILES = ("phontab", "phonindex", "phondata", "intonations", "en_dict")
_VOICES = "lang/gmw"
_SHAVIAN = "en-Shaw"  # reads another alphabet
_MAX_VARIANT_BYTES = 8_192
# klatt is missing: that synthesizer draws its noise from the C library, whose state no seed of ours sets
_VARIANT_LINE = re.compile(
    r"(?:language variant|gender (?:male|female)(?: \d{1,3})?"
    r"|(?:pitch|formant|tone|breath|breathw|voicing|flutter|roughness|consonants|speed|intonation"
    r"|echo|stressAdd|stressLength|stressAmp|words)(?: -?\d{1,5}){1,16})"
)
_LANGUAGE = re.compile(r"^language\s+(\S+)", re.MULTILINE)
_GENDER = re.compile(r"^gender\s+(male|female)", re.MULTILINE)


class Installation:
    """The library and data that espeakng-loader brings, or others.

    Parameters
    ----------
    library, data : Path, optional
        Shared library and its folder ``espeak-ng-data``; by default those of espeakng-loader.
    """

    def __init__(self, library: Path | None = None, data: Path | None = None) -> None:
        self._library = library
        self._data = data

    @cached_property
    def library(self) -> Path:
        """The shared library.

        Raises
        ------
        MissingExtraError
            If espeakng-loader is not installed.
        EngineError
            If there is no such file.
        """
        path = self._library
        if path is None:
            from syngen._distribution import require

            path = Path(require("espeakng_loader", extra="speech").get_library_path())
        if not path.is_file():
            raise EngineError(f"the espeak library {path} is missing; {self.remedy}")
        return path

    @cached_property
    def data(self) -> Path:
        """Its folder of data; raises as `library` does."""
        path = self._data
        if path is None:
            from syngen._distribution import require

            # its own function raises where the folder is missing
            path = Path(require("espeakng_loader", extra="speech").__file__ or "").parent / "espeak-ng-data"
        for name in _DATA_FILES:
            if not (path / name).is_file():
                raise EngineError(f"the espeak data {path / name} is missing; {self.remedy}")
        return path

    @property
    def remedy(self) -> str:
        """What to do about a library that cannot be used."""
        return 'install it again: pip install --force-reinstall "espeakng-loader==0.2.4"'

    @cached_property
    def voice_files(self) -> dict[str, Path]:
        """The English voices by the name that the private folder gives them, sorted."""
        files = {}
        for path in (self.data / _VOICES).glob("en*"):
            tag = _LANGUAGE.search(path.read_text("utf-8"))
            if tag and path.name != _SHAVIAN:
                files[tag[1].lower()] = path
        if DEFAULT_VOICE not in files:
            raise EngineError(
                f"the espeak data in {self.data} have no voice {DEFAULT_VOICE!r}; {self.remedy}"
            )
        return dict(sorted(files.items()))

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices, sorted by name."""
        found = []
        for name, path in self.voice_files.items():
            gender = _GENDER.search(path.read_text("utf-8"))
            found.append(Voice(name, name, gender[1] if gender else ""))
        return tuple(found)

    @cached_property
    def library_sha256(self) -> str:
        """SHA-256 of the library."""
        return sha256_of(self.library)

    @cached_property
    def data_sha256(self) -> str:
        """SHA-256 over the name and SHA-256 of every file of data that is used."""
        files = {name: self.data / name for name in _DATA_FILES}
        files |= {f"voices/{name}": path for name, path in self.voice_files.items()}
        lines = (f"{sha256_of(files[name])}  {name}\n" for name in sorted(files))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class PrivateFolder:
    """Copies of an installation that nothing else in this process has open.

    Attributes
    ----------
    library, data : Path
    """

    def __init__(self, installation: Installation) -> None:
        remove_stale_folders()
        self._path = working_folder(Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(8)}")
        self._open = contextlib.ExitStack()
        self._finalizer = weakref.finalize(self, _remove, self._path, os.getpid(), self._open)
        self._open.enter_context(exclusive_lock(self._path / "lock"))
        self.library = self._path / f"espeak{installation.library.suffix}"
        self.data = self._path / "data"
        self._variants = self.data / "voices" / "!v"
        try:
            self._copy(installation)
        except OSError as error:  # it names what is read, but what is full is the other side
            self.close()
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._written: OrderedDict[str, tuple[str, str, int]] = OrderedDict()  # name, path, bytes

    def _copy(self, installation: Installation) -> None:
        working_folder(self._variants, within=self._path)
        shutil.copyfile(installation.library, self.library)
        for name in _DATA_FILES:
            shutil.copyfile(installation.data / name, self.data / name)
        for name, path in installation.voice_files.items():
            shutil.copyfile(path, self.data / "voices" / name)

    def close(self) -> None:
        """Remove the folder; in a forked child, leave it to the parent."""
        self._finalizer()

    def variant_name(self, variant: str) -> str:
        """Return the short name under which the library finds a variant, writing its file if need be.

        The library would silently go on without a variant that is not there, and is ended by a long name.
        """
        name, path, size = self._written.get(variant) or ("", "", 0)
        with contextlib.suppress(OSError):
            if name and os.stat(path).st_size == size:
                self._written.move_to_end(variant)
                return name
        check_variant(variant)
        name = "v" + hashlib.sha256(variant.encode()).hexdigest()[:16]
        path = str(self._variants / name)
        content = f"name {name}\n{variant}".encode("ascii")
        with open(path, "wb") as file:
            file.write(content)
        self._written[variant] = name, path, len(content)
        self._written.move_to_end(variant)
        if len(self._written) > MAX_VARIANT_FILES:
            _, (_, oldest, _) = self._written.popitem(last=False)
            remove(Path(oldest))
        return name


def check_variant(variant: str) -> None:
    """Refuse what is not the lines of a voice variant without its name.

    Raises
    ------
    ParameterError
        With the first line at fault.
    """
    if len(variant) > _MAX_VARIANT_BYTES:
        raise ParameterError(
            f"a voice variant of {len(variant):,} characters; at most {_MAX_VARIANT_BYTES:,} are taken"
        )
    if not variant.endswith("\n"):
        raise ParameterError("the last line of a voice variant must end with a newline")
    for number, line in enumerate(variant[:-1].split("\n"), 1):
        if not line.isascii() or not _VARIANT_LINE.fullmatch(line):
            raise ParameterError(
                f"line {number} of a voice variant is {line[:60]!r}; a keyword of espeak voices, as in "
                "'pitch 80 120', with whole numbers is needed"
            )


def remove_stale_folders() -> None:
    """Remove what killed processes of this user left; nothing that is in use."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, InTheWayError):
            # a folder is made before it is locked
            if not check_folder(path) or time.time() - path.lstat().st_mtime < _YOUNG_S:
                continue
            with exclusive_lock(path / "lock") as is_stale:
                if is_stale:
                    remove(path)


def _remove(path: Path, owner: int, held: contextlib.ExitStack) -> None:
    if os.getpid() == owner:
        with contextlib.suppress(OSError):
            remove(path)
    held.close()
