"""Linear algebra keeps to one thread where it is told to, and only there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import threadpoolctl

from syngen._threads import single_threaded
from tests.support import run_python

np.ones((64, 64)) @ np.ones((64, 64))  # its library is loaded


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    """Give BLAS two threads, on a machine of one core too."""
    with threadpoolctl.threadpool_limits(limits=2):
        yield


def numbers(user_api: str = "blas") -> set[int]:
    """Return the numbers of threads that the libraries may use now."""
    found = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in found if library["user_api"] == user_api}


def test_a_block_has_one_thread_and_leaves_as_many_as_there_were() -> None:
    assert numbers() == {2}
    with single_threaded():
        assert numbers() == {1}
        with single_threaded():
            assert numbers() == {1}
        assert numbers() == {1}
    assert numbers() == {2}


def test_an_error_lifts_the_limit() -> None:
    with pytest.raises(ZeroDivisionError), single_threaded():
        _ = 1 / 0
    assert numbers() == {2}


def test_a_function_can_be_limited() -> None:
    assert single_threaded()(numbers)() == {1}
    assert numbers() == {2}


@pytest.mark.slow
def test_a_library_that_is_loaded_inside_a_block_is_limited_by_the_next_one() -> None:
    code = """
import sys, threadpoolctl
import numpy as np
from syngen._threads import single_threaded
def numbers():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]
with threadpoolctl.threadpool_limits(limits=2), single_threaded():
    n_before = len(numbers())
    import sklearn.ensemble
    with single_threaded():
        assert len(numbers()) > n_before and set(numbers()) == {1}, numbers()
"""
    done = run_python("-c", code, env={"OMP_NUM_THREADS": "2"})
    assert done.returncode == 0, done.stderr


def test_threads_in_blocks_at_one_time_leave_as_many_as_there_were() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def stay() -> None:
        with single_threaded():
            entered.set()
            go_on.wait(60)

    other = threading.Thread(target=stay)
    with single_threaded():
        other.start()
        assert entered.wait(60)
    go_on.set()
    other.join(60)
    assert numbers() == {2}
    with single_threaded():
        assert numbers() == {1}
    assert numbers() == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_is_limited_though_a_thread_of_its_parent_was_in_a_block() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def stay() -> None:
        with single_threaded():
            entered.set()
            go_on.wait(60)

    other = threading.Thread(target=stay)
    other.start()
    assert entered.wait(60)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            with threadpoolctl.threadpool_limits(limits=2), single_threaded():
                status = int(numbers() != {1})
        finally:
            os._exit(status)
    go_on.set()
    other.join(60)
    assert os.waitpid(pid, 0)[1] == 0


def test_blocks_are_cheap_while_no_module_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    with single_threaded():
        pass
    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", lambda: pytest.fail("looked again"))
    for _ in range(3):
        with single_threaded():
            pass
