"""Tables in the documentation say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.reference import help_text, parameter_lines
from tools.generate import generated


@pytest.mark.parametrize(
    ("path", "text"), [pytest.param(*each, id=each[0].name) for each in generated().items()]
)
def test_a_generated_file_is_up_to_date(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run: uv run python -m tools.generate"


def test_help_names_every_parameter() -> None:
    reported = help_text()
    assert all(line.name in reported for line in parameter_lines())
