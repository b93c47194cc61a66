"""Scripts: what is said when, and the messages for invalid files."""

from pathlib import Path

import pytest

from agent.cli.arguments import DEMO_SCRIPT
from agent.errors import LocalError
from agent.local.standin.script import load_script


def test_the_demos_script() -> None:
    script = load_script(DEMO_SCRIPT)
    assert "what are your opening hours" in script.phrases
    assert script.greeting in script.lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("turns: [{hear: x}]", "wrong at turns.0: Value error, a turn needs `say` or `call`"),
        ("greetings: hi", "wrong at greetings: Extra inputs are not permitted"),
        ("- a list", "wrong at the top: Input should be"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_script_says_where(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(LocalError) as caught:
        load_script(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_script() -> None:
    with pytest.raises(LocalError, match=r"cannot be read \(No such file"):
        load_script(Path("/nowhere.yaml"))
