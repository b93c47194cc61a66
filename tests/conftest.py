"""Shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from agent.cli.process_exit import ProcessExit
from agent.config.sources import without_accounts
from agent.realtime.connection.io_loop import io_loop

_leaving = ProcessExit()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    _leaving.code = int(exitstatus)


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> None:
    """No test sees a key, an address or a setting that the machine happens to have."""
    kept = without_accounts(os.environ)
    for name in set(os.environ) - set(kept):
        del os.environ[name]
    for name in [name for name in os.environ if name.startswith(("REALTIME_", "AGENT_"))]:
        del os.environ[name]
    os.environ["AGENT_ENV_FILE"] = ""


@pytest.fixture(autouse=True, scope="session")
def _io_loop() -> Iterator[None]:
    yield
    io_loop().close()
