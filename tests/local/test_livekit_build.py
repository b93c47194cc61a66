"""Finding a livekit-server and a Go; the build itself is what `agent demo` runs at first."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import LocalError
from agent.local import livekit_build
from agent.local.livekit_build import find_or_build_server


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but a shell, and an empty cache."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


async def test_the_one_on_path_is_taken(machine: Path) -> None:
    found = program(machine / "bin" / "livekit-server", "true")
    assert await find_or_build_server(print) == found


async def test_the_one_in_the_cache_is_taken(machine: Path) -> None:
    name = f"livekit-server-{livekit_build.VERSION}"
    built = program(machine / "cache" / "realtime-agent" / "bin" / name, "true")
    assert await find_or_build_server(print) == built


GO = """
case "$1" in
env) echo go1.26.0 ;;
mod) echo '{"Dir": "'"$PWD"'"}' ;;
build) while [ "$1" != -o ]; do shift; done; cp /bin/true "$2" ;;
esac
"""


async def test_it_is_built_once_and_the_sources_are_not_kept(machine: Path) -> None:
    program(machine / "bin" / "go", GO)
    messages: list[str] = []
    built = await find_or_build_server(messages.append)
    assert built.is_file()
    assert messages[0].startswith("Building livekit-server")
    assert not (machine / "cache" / "realtime-agent" / "build").exists()
    assert [path.name for path in built.parent.iterdir()] == [built.name]
    messages.clear()
    assert await find_or_build_server(messages.append) == built
    assert messages == []


async def test_a_build_that_fails_leaves_nothing_half_made(machine: Path) -> None:
    go = GO.replace('cp /bin/true "$2"', 'echo broken > "$2"; echo disk full >&2; exit 1')
    program(machine / "bin" / "go", go)
    with pytest.raises(LocalError, match=r"the step 'compile' failed \(disk full\)"):
        await find_or_build_server(lambda _: None)
    assert list((machine / "cache" / "realtime-agent" / "bin").iterdir()) == []


async def test_a_go_that_is_too_old_is_not_used(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(machine / "bin" / "go", "echo go1.19.8")
    uv = program(machine / "bin" / "uv", "echo no network >&2; exit 2")
    monkeypatch.setenv("UV", str(uv))
    with pytest.raises(LocalError, match=r"the step 'fetch Go' failed \(no network\)"):
        await find_or_build_server(lambda _: None)


@pytest.mark.parametrize(
    ("said", "version"),
    [("go1.26.8", (1, 26, 8)), ("go1.27rc1", (0,)), ("devel", (0,)), ("go1.26.0-X:x", (1, 26, 0))],
)
def test_versions(said: str, version: tuple[int, ...], tmp_path: Path) -> None:
    go = program(tmp_path / "go", f"echo {said}")
    assert livekit_build.go_version(str(go)) == version
