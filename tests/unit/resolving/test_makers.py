"""What has the version of a synthesizer that made a dataset."""

from __future__ import annotations

import pytest

from syngen._distribution import version
from syngen.errors import EngineError, ParameterError, SynthesizerVersionError
from syngen.resolving.makers import check_maker, other_maker, other_maker_in
from syngen.synth.plugin import Renderer, Request, Synthesizer
from syngen.synth.tone.synthesizer import ToneSynthesizer

TONES = {"name": "tones", "synthesizer": "tone"}


def made_by(synthesizer: str, syngen: object) -> dict[str, object]:
    return {"syngen": syngen, "synthesizer tone": synthesizer}


def test_what_the_installed_version_made_needs_no_other() -> None:
    versions = made_by(ToneSynthesizer.version, "0.1.0")
    assert other_maker(TONES, versions) is None
    check_maker("tones", TONES, versions)


def test_a_version_on_the_package_index_is_named_as_pip_takes_it() -> None:
    found = other_maker(TONES, made_by("0", "0.2.3"))
    assert found == (
        f"version 0 of the synthesizer tone made it, and version {ToneSynthesizer.version} is installed, "
        'which makes other samples; syngen 0.2.3 has it: pip install "syngen-audio==0.2.3"'
    )


def test_the_first_versions_were_never_on_the_package_index() -> None:
    found = other_maker(TONES, made_by("0", "0.1.0"))
    assert found is not None
    assert found.endswith(
        "syngen 0.1.0 is needed, which is in the repository of syngen only: the package syngen of the "
        "Python Package Index is another tool"
    )
    assert "pip install" not in found


def test_an_earlier_state_of_this_version_is_said_to_be_one() -> None:
    found = other_maker(TONES, made_by("0", version()))
    assert found is not None
    assert found.endswith(f"made while syngen {version()} was under development, by an earlier state of it")


@pytest.mark.parametrize("syngen", [None, 3, "", '1"; rm -rf ~', "1 && true", "0.2\n"])
def test_nothing_but_a_version_is_taken_from_a_file_into_a_command(syngen: object) -> None:
    found = other_maker(TONES, made_by("0", syngen))
    assert found is not None
    assert found.endswith(
        "the version of syngen that made it is needed, which its dataset.json does not name"
    )


@pytest.mark.parametrize("shown", ['"; x', "a b", "\x1b[31m"])
def test_a_strange_version_of_a_synthesizer_is_quoted(shown: str) -> None:
    found = other_maker(TONES, made_by(shown, "0.2.3"))
    assert found is not None
    assert f"version {shown!r} of the synthesizer tone" in found


class Strange(Synthesizer):
    name = "strange"
    version = "2"
    factors = ()

    def prepare(self, request: Request) -> Renderer:
        raise NotImplementedError


def test_a_synthesizer_of_another_package_comes_from_that_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syngen.resolving.makers.find_synthesizer", lambda name: Strange())
    found = other_maker({"synthesizer": "strange"}, {"syngen": "0.2.3", "synthesizer strange": "1"})
    assert found == (
        "version 1 of the synthesizer strange made it, and version 2 is installed, which makes other "
        "samples; the version of the package tests is needed whose synthesizer has version 1"
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"recipe": TONES},
        {"recipe": TONES, "versions": {"syngen": "0.2.0"}},
        {"recipe": {"synthesizer": 3}, "versions": {"synthesizer 3": "1"}},
        {"recipe": {"synthesizer": "no such"}, "versions": {"synthesizer no such": "1"}},
        {"recipe": [], "versions": []},
    ],
)
def test_what_says_nothing_of_a_synthesizer_is_of_no_other(document: dict[str, object]) -> None:
    assert other_maker_in(document) is None


def test_rendering_is_refused_with_the_place() -> None:
    versions = made_by("0", "0.2.3")
    with pytest.raises(
        SynthesizerVersionError, match="nothing of data/tones can be rendered here: version 0"
    ):
        check_maker("data/tones", TONES, versions)
    assert issubclass(SynthesizerVersionError, EngineError)
    assert issubclass(SynthesizerVersionError, ParameterError)


def test_rendering_is_refused_where_no_document_names_the_version() -> None:
    with pytest.raises(SynthesizerVersionError, match="do not say which version of the synthesizer 'tone'"):
        check_maker("tones", TONES, {"syngen": "0.2.3"})
