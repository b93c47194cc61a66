"""The image, without a Docker engine: its files, its own commands, and a call to the result."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.call import synthesize
from agent.local.call_script import run_call
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn
from tests.e2e.conftest import Worker, livekit, stand_in  # noqa: F401 - fixtures

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def runs(stage: str) -> list[str]:
    """The RUN lines of a stage, without Docker's own options."""
    return [re.sub(r"--mount=\S+ ", "", line) for line in re.findall(r"^RUN (.+)$", stage, re.M)]


def copied() -> Iterator[Path]:
    """What .dockerignore lets through: everything is left out but for its ``!`` lines."""
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    for line in lines[1:]:
        if line.startswith("!"):
            yield ROOT / line[1:]


BUILD, FINAL = DOCKERFILE.split("\nFROM ")[1:]


def test_two_stages_and_the_last_has_no_compiler_and_no_root() -> None:
    assert "uv" in BUILD.splitlines()[0]
    assert not [line for line in runs(FINAL) if "apt-get" in line or "uv" in line]
    assert "--uid 10001" in FINAL
    assert FINAL.index("USER agent") < FINAL.index("CMD")


def test_no_secret_and_no_test_goes_into_the_image() -> None:
    names = {path.name for path in copied()}
    assert names == {"agent", "prompts", "pyproject.toml", "uv.lock", "README.md", "LICENSE"}


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="session")
async def test_its_commands_make_a_worker_that_answers(
    tmp_path: Path,
    livekit: LiveKitAddress,  # noqa: F811
    stand_in: StandIn,  # noqa: F811
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "local")
    for path in copied():
        if path.is_dir():
            shutil.copytree(path, app / path.name, ignore=ignore)
        else:
            shutil.copy(path, app)
    environ = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"}
    if uv := os.environ.get("UV"):  # set by `uv run`; ./uvw's private copy is not on PATH
        environ["PATH"] = f"{Path(uv).parent}{os.pathsep}{environ['PATH']}"
    for setting in re.findall(r"UV_\w+=\S+", BUILD):
        name, _, text = setting.partition("=")
        environ[name] = text
    for command in (*runs(BUILD), "! .venv/bin/python -c 'import espeakng_loader'"):
        await asyncio.to_thread(
            subprocess.run, command, shell=True, cwd=app, env=environ, check=True
        )

    agent = app / ".venv" / "bin" / "agent"
    assert re.findall(r"^CMD (.+)$", FINAL, re.M) == ['["agent", "start"]']
    async with Worker(livekit, stand_in.url, program=(str(agent), "start")) as worker:
        await worker.until("registered worker")
        async with worker.called() as caller:
            conversation = await run_call(caller, [synthesize("no thank you")])
    assert conversation.turns[0].agent == "Thank you. Goodbye."
