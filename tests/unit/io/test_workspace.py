"""Working folders: what is made, what is refused, what is removed, and what nobody can swap meanwhile."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from syngen.errors import ParameterError
from syngen.io import folders as _entering
from syngen.io.atomic import atomic_file, new_folder
from syngen.io.locks import exclusive_lock, is_locked, lock_if_there
from syngen.io.workspace import (
    InTheWayError,
    check_file,
    check_folder,
    findings,
    open_file,
    put_in_place,
    remove,
    temporary_folder,
    user_folder,
    working_folder,
)
from tests.support import digests_of, names_below

Give = Callable[[Path], None]

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture(params=["by descriptor", "by name"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything holds where the platform opens no folders too."""
    if request.param == "by name":
        monkeypatch.setattr(_entering, "_HAS_DESCRIPTORS", False)
    return str(request.param)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder of the user's."""
    folder = tmp_path / "precious"
    (folder / "inner").mkdir(parents=True)
    (folder / "letter.txt").write_text("mine", "utf-8")
    (folder / "inner" / "letter.txt").write_text("mine too", "utf-8")
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def with_umask(umask: int, act: Callable[[], object]) -> None:
    before = os.umask(umask)
    try:
        act()
    finally:
        os.umask(before)


# made


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_working_folder_is_private_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    with_umask(umask, lambda: working_folder(tmp_path / "a" / "b", within=tmp_path))
    assert mode_of(tmp_path / "a") == mode_of(tmp_path / "a" / "b") == 0o700


def test_permissions_beyond_the_mode_are_taken_away_and_none_are_given(tmp_path: Path) -> None:
    for found, mode, wanted in ((0o777, 0o755, 0o755), (0o700, 0o755, 0o700), (0o775, 0o700, 0o700)):
        (tmp_path / "a").mkdir()
        (tmp_path / "a").chmod(found)
        working_folder(tmp_path / "a", mode=mode)
        assert mode_of(tmp_path / "a") == wanted
        (tmp_path / "a").rmdir()


def test_the_folder_that_the_user_named_may_be_a_link(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "data").symlink_to(precious)
    assert working_folder(tmp_path / "data" / "a" / "b", within=tmp_path / "data").is_dir()
    assert remove(tmp_path / "data" / "a", within=tmp_path / "data") == ()
    assert names_below(precious) == ["inner", "inner/letter.txt", "letter.txt"]


PLANTS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "link": (lambda path, precious: path.symlink_to(precious), "it is a link"),
    "link to nothing": (lambda path, precious: path.symlink_to(precious / "new"), "it is a link"),
    "file": (lambda path, precious: path.write_text("mine"), "it is not a folder"),
    "pipe": (lambda path, precious: os.mkfifo(path), "it is not a folder"),
}


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize("name", ["a", "a/b", "a/b/c"])
def test_what_is_no_folder_is_refused_by_name(kind: str, name: str, tmp_path: Path, precious: Path) -> None:
    plant, said = PLANTS[kind]
    before = digests_of(precious)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    plant(tmp_path / name, precious)
    for act in (working_folder, check_folder):
        with pytest.raises(InTheWayError, match=f"{tmp_path / name} is in the way: {said}"):
            act(tmp_path / "a" / "b" / "c", within=tmp_path)
    with pytest.raises(InTheWayError, match="in the way"):
        remove(tmp_path / "a" / "b" / "c" / "letter.txt", within=tmp_path)
    with pytest.raises(ParameterError, match="in the way"), exclusive_lock(tmp_path / name / "lock"):
        pass
    assert digests_of(precious) == before
    assert (tmp_path / name).lstat()


def test_a_folder_of_another_user_is_neither_entered_nor_removed(tmp_path: Path, give: Give) -> None:
    folder = tmp_path / "a"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "letter.txt").write_text("another's", "utf-8")
    give(folder / "b")
    with pytest.raises(
        InTheWayError, match=r"a/b is in the way: it belongs to another user \(number \d+\)"
    ):
        working_folder(folder / "b" / "c", within=tmp_path)
    assert remove(folder / "b") == (".",)
    assert remove(folder) == ("b",)
    assert (folder / "b" / "letter.txt").read_text("utf-8") == "another's"


def test_another_file_system_is_neither_entered_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "a" / "mounted"
    mounted.mkdir(parents=True)
    (mounted / "letter.txt").write_text("elsewhere", "utf-8")
    inode = mounted.stat().st_ino
    for name in ("fstat", "stat", "lstat"):
        monkeypatch.setattr(os, name, _elsewhere(getattr(os, name), inode))
    with pytest.raises(InTheWayError, match="mounted is in the way: it is on another file system"):
        working_folder(mounted / "b", within=tmp_path)
    assert remove(tmp_path / "a") == ("mounted",)
    monkeypatch.undo()
    assert (mounted / "letter.txt").read_text("utf-8") == "elsewhere"


def _elsewhere(function: Callable[..., os.stat_result], inode: int) -> Callable[..., os.stat_result]:
    def call(*arguments: object, **options: object) -> os.stat_result:
        found = function(*arguments, **options)
        return os.stat_result((*found[:2], found.st_dev + (found.st_ino == inode), *found[3:10]))

    return call


def test_a_file_system_that_names_another_owner_for_all_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    monkeypatch.setattr(_entering, "_owners", {})
    assert working_folder(tmp_path / "a").is_dir()
    check_file(tmp_path / "b")
    with atomic_file(tmp_path / "b"):
        pass
    check_file(tmp_path / "b")
    assert remove(tmp_path / "a") == remove(tmp_path / "b") == ()
    assert names_below(tmp_path) == []


# removed


def test_links_are_removed_and_not_followed(tmp_path: Path, precious: Path) -> None:
    before = digests_of(precious)
    place = working_folder(tmp_path / "place")
    (place / "deep" / "er").mkdir(parents=True)
    for path, target in (
        (place / "folder", precious),
        (place / "deep" / "file", precious / "letter.txt"),
        (place / "deep" / "er" / "nothing", precious / "new"),
    ):
        path.symlink_to(target)
    (place / "hard").hardlink_to(precious / "letter.txt")
    os.mkfifo(place / "pipe")
    assert remove(place) == ()
    (tmp_path / "link").symlink_to(precious)
    assert remove(tmp_path / "link") == ()
    assert names_below(tmp_path) == ["precious", *(f"precious/{name}" for name in names_below(precious))]
    assert digests_of(precious) == before


def test_what_is_not_there_needs_no_removal(tmp_path: Path) -> None:
    assert remove(tmp_path / "nothing") == ()
    assert remove(tmp_path / "no" / "folder", within=tmp_path) == ()
    assert remove(tmp_path / "no" / "folder") == ()


def test_only_what_has_a_name_of_ours_goes(tmp_path: Path) -> None:
    for name in ("a/ours", "a/letter", "b/ours", "letters/ours", "ours"):
        (tmp_path / "place" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "place" / name).touch()
    left = remove(tmp_path / "place", only=lambda name: name in ("a/", "b/") or name.endswith("ours"))
    assert left == ("a/letter", "letters")
    assert names_below(tmp_path / "place") == ["a", "a/letter", "letters", "letters/ours"]


def test_as_much_is_removed_as_can_be_and_the_first_error_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "place" / name).mkdir(parents=True)
        (tmp_path / "place" / name / "file").touch()
    unlink = os.unlink

    def failing(path: object, **options: object) -> None:
        if not failed:
            failed.append(path)
            raise OSError(5, "Input/output error")
        unlink(path, **options)  # type: ignore[arg-type]

    failed: list[object] = []
    monkeypatch.setattr(os, "unlink", failing)
    with pytest.raises(OSError, match="Input/output error"):
        remove(tmp_path / "place")
    assert len(list((tmp_path / "place").iterdir())) == 1
    assert remove(tmp_path / "place") == ()


def test_a_tree_that_is_deeper_than_any_of_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "place" / "/".join("d" * 50)).mkdir(parents=True)
    assert remove(tmp_path / "place") == ("/".join("d" * 32),)


@pytest.mark.parametrize("way", ["by descriptor"], indirect=True)
@pytest.mark.parametrize("moment", ["enter", "unlink"])
def test_a_folder_that_is_swapped_for_a_link_meanwhile_is_not_followed(
    moment: str, tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = working_folder(tmp_path / "place" / "inner", within=tmp_path)
    (place / "letter.txt").write_text("ours", "utf-8")
    before = digests_of(precious)
    act = getattr(_entering._OpenFolder, moment)

    def swapping(folder: object, name: str) -> object:
        if name in ("inner", "letter.txt") and not place.is_symlink():
            place.rename(tmp_path / "away")
            place.symlink_to(precious)
        return act(folder, name)

    monkeypatch.setattr(_entering._OpenFolder, moment, swapping)
    with contextlib.suppress(OSError, InTheWayError):
        remove(tmp_path / "place")
    assert place.is_symlink()
    assert digests_of(precious) == before


# files in working folders


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda path, precious: path.symlink_to(precious / "letter.txt"), "it is a link"),
        (lambda path, precious: path.symlink_to(precious / "new"), "it is a link"),
        (lambda path, precious: path.mkdir(), "it is not a file"),
        (lambda path, precious: os.mkfifo(path), "it is not a file"),
    ],
    ids=["link", "link to nothing", "folder", "pipe"],
)
def test_what_is_no_file_is_refused_by_name(
    plant: Callable[[Path, Path], object], said: str, tmp_path: Path, precious: Path
) -> None:
    place = working_folder(tmp_path / "place")
    path = place / "lock"
    plant(path, precious)
    before = names_below(precious), digests_of(precious)
    for act in (check_file, lambda path: open_file(path, os.O_RDWR | os.O_CREAT)):
        with pytest.raises(InTheWayError, match=f"lock is in the way: {said}"):
            act(path)
    with pytest.raises(ParameterError, match="in the way"), exclusive_lock(path):
        pass
    with lock_if_there(path) as is_mine:  # waits for nobody at the other end of a pipe
        assert is_mine
    assert is_locked(path) in (None, False)
    assert (names_below(precious), digests_of(precious)) == before


def test_a_file_of_another_user_is_refused_by_name(tmp_path: Path, give: Give) -> None:
    path = working_folder(tmp_path / "place") / "lock"
    path.touch()
    give(path)
    for act in (check_file, lambda path: open_file(path, os.O_RDWR)):
        with pytest.raises(InTheWayError, match="belongs to another user"):
            act(path)
    assert remove(path) == (".",)


@pytest.mark.parametrize(("mode", "wanted"), [(0o700, 0o600), (0o755, 0o644)])
def test_a_lock_is_seen_by_whoever_sees_its_folder(mode: int, wanted: int, tmp_path: Path) -> None:
    def lock() -> None:
        with exclusive_lock(tmp_path / "a" / "lock", folder_mode=mode) as is_mine:
            assert is_mine

    with_umask(0, lock)
    assert mode_of(tmp_path / "a") == mode
    assert mode_of(tmp_path / "a" / "lock") == wanted


def test_findings_are_what_was_planted(tmp_path: Path, precious: Path, give: Give) -> None:
    place = working_folder(tmp_path / "place")
    for name in ("a/ours", "foreign/ours", "ours", "foreign-ours", "letter", "c"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("x", "utf-8")
    (place / "hard-ours").hardlink_to(precious / "letter.txt")
    (place / "link-ours").symlink_to(precious / "letter.txt")
    (place / "b").symlink_to(precious)
    for name in ("foreign", "foreign-ours"):
        give(place / name)

    def is_ours(name: str) -> bool:
        return name.endswith("ours") or name in ("a/", "b/", "c/", "foreign/")

    found = {name: what.split(" (")[0] for name, what in findings(place, is_ours)}
    assert found == {
        "b": "it is a link",
        "c": "it is not a folder",
        "foreign": "it belongs to another user",
        "foreign-ours": "it belongs to another user",
        "hard-ours": "it is a hard link to a file that has another name too",
        "letter": "syngen did not put it there",
        "link-ours": "it is a link",
    }
    quick = {name for name, _ in findings(place, is_ours, is_thorough=False)}
    assert quick == {"b", "c", "foreign", "letter", "link-ours"}


# put in place


def test_a_folder_takes_the_place_of_an_empty_one_only(tmp_path: Path, precious: Path) -> None:
    made = working_folder(tmp_path / "place" / "made", within=tmp_path)
    (made / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for target in (precious, tmp_path / "link"):
        with pytest.raises(OSError, match="Directory not empty|Not a directory"):
            put_in_place(made, target)
    put_in_place(made, tmp_path / "empty")
    assert names_below(tmp_path / "empty") == ["file"]
    assert sorted(digests_of(precious)) == ["inner/letter.txt", "letter.txt"]


def test_a_new_folder_is_private_while_it_is_made_and_ordinary_then(tmp_path: Path) -> None:
    def make() -> None:
        with new_folder(tmp_path / "new") as unfinished:
            assert mode_of(unfinished.parent) == 0o700
            (unfinished / "file").touch()

    with_umask(0o027, make)
    assert mode_of(tmp_path / "new") == 0o750
    assert names_below(tmp_path) == ["new", "new/file"]


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_new_folder_takes_no_place_of_a_link(is_dangling: bool, tmp_path: Path) -> None:
    if not is_dangling:
        (tmp_path / "empty").mkdir()
    (tmp_path / "new").symlink_to(tmp_path / "empty")
    with (
        pytest.raises(ParameterError, match="new is a link; choose another folder"),
        new_folder(tmp_path / "new"),
    ):
        pytest.fail("nothing shall be made for it")


def test_a_temporary_folder_goes_with_what_is_in_it(
    tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(user_folder(tmp_path / "tmp")))
    with temporary_folder("syngen-test-") as folder:
        assert mode_of(folder) == 0o700
        (folder / "link").symlink_to(precious)
    assert names_below(tmp_path / "tmp") == []
    assert len(digests_of(precious)) == 2
