"""The settings that the worker has read, for its module and its job processes."""

from __future__ import annotations

import pytest

from agent import processes
from agent.config.settings import Settings
from agent.server import load_worker_settings


def test_settings_that_the_worker_has_read_are_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_kept", [])
    settings = Settings()
    processes.keep_settings(settings)
    monkeypatch.setenv("REALTIME_TEMPERATURE", "9")  # refused, if it were read
    assert load_worker_settings() is settings
