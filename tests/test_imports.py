"""Imports point one way: rules, settings, I/O, call, worker; ``local`` and ``cli`` on top."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module may import from its own layer and from those before it.
LAYERS = (
    ("agent.errors",),
    (
        "agent.redaction",
        "agent.realtime.dialects",
        "agent.realtime.rules",
        "agent.realtime.parameters",
        "agent.realtime.guard",
        "agent.realtime.complete",
        "agent.realtime.conversation",
        "agent.realtime.standing",
        "agent.realtime.arbiter",
        "agent.realtime.echo",
        "agent.realtime.watch",
        "agent.realtime.sound",
        "agent.realtime.whole_samples",
        "agent.voice.turn_taking",
        "agent.voice.gate",
        "agent.realtime.history",
        "agent.realtime.refusals",
        "agent.realtime.accepted",
        "agent.realtime.floor",
        "agent.realtime.microphone",
        "agent.realtime.rollover",
        "agent.realtime.budget",
        "agent.realtime.first_settings",
        "agent.realtime.sieve",
        "agent.realtime.repair",
        "agent.realtime.flood",
        "agent.realtime.memory",
    ),
    ("agent.realtime.credentials", "agent.realtime.endpoint", "agent.realtime.way"),
    ("agent.masking", "agent.env_files", "agent.instructions"),
    ("agent.environment", "agent.voice.greeting"),
    ("agent.settings", "agent.livekit_access", "agent.forked", "agent.forkserver"),
    (
        "agent.access",
        "agent.fallback",
        "agent.required_files",
        "agent.setting_names",
        "agent.unreadable",
    ),
    ("agent.check",),
    ("agent.overrides", "agent.tables"),
    (
        "agent.realtime.io_loop",
        "agent.realtime.service_socket",
        "agent.realtime.link",
        "agent.realtime.leg",
        "agent.realtime.legs",
        "agent.realtime.roller",
        "agent.realtime.plugin_queue",
        "agent.realtime.wire",
        "agent.realtime.wire_session",
        "agent.realtime.session_options",
        "agent.realtime.model",
    ),
    ("agent.voice.loudness",),
    ("agent.voice.detector",),
    (
        "agent.voice.sentences",
        "agent.voice.speaker",
        "agent.voice.push_to_talk",
        "agent.voice.listener",
    ),
    ("agent.log_limits",),
    ("agent.session",),
    ("agent.multimodal",),
    ("agent.api_requests", "agent.attributes"),
    ("agent.early_audio",),
    ("agent.rooms",),
    ("agent.ending", "agent.job_process"),
    ("agent.call", "agent.server"),
    ("agent.worker",),
    ("agent.local",),
    ("agent.cli", "agent.__main__"),
)
PURE = LAYERS[1]
FORBIDDEN_TO_PURE = {"asyncio", "socket", "threading", "time", "os", "aiohttp", "livekit"}
STAND_IN_MAY_NOT_KNOW = "agent.realtime"


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "agent").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> set[str]:
    """Modules that ``path`` imports, wherever in the file, for typing only or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def layer(module: str) -> int | None:
    for index, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return index
    return None


ALL = dict(modules())


@pytest.mark.parametrize(
    "module", [name for name in ALL if name not in {"agent", "agent.realtime", "agent.voice"}]
)
def test_imports_point_one_way(module: str) -> None:
    own = layer(module)
    assert own is not None, f"{module} has no place in LAYERS"
    for name in imported(ALL[module]):
        theirs = layer(name)
        assert theirs is None or theirs <= own, f"{module} imports {name}, which stands above it"


@pytest.mark.parametrize(
    "module", [name for name in ALL if name.startswith(PURE) and layer(name) == 1]
)
def test_the_rules_know_neither_a_socket_nor_a_clock(module: str) -> None:
    roots = {name.split(".")[0] for name in imported(ALL[module])}
    assert not roots & FORBIDDEN_TO_PURE


@pytest.mark.parametrize("module", [name for name in ALL if name.startswith("agent.local.standin")])
def test_the_stand_in_shares_no_rules_with_what_it_judges(module: str) -> None:
    assert not [name for name in imported(ALL[module]) if name.startswith(STAND_IN_MAY_NOT_KNOW)]


def test_the_layers_name_only_modules_that_exist() -> None:
    assert not [name for names in LAYERS for name in names if name not in ALL]
