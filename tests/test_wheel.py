"""The wheel holds all that an installed worker reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
READ = """
import sys
from agent.config import instructions
assert instructions.__file__.startswith(sys.argv[1]), instructions.__file__
print(instructions.load_instructions("default"))
"""


def test_an_installed_wheel_finds_its_prompts(tmp_path: Path) -> None:
    uv = os.environ.get("UV", "uv")  # set by `uv run`; ./uvw's private copy is not on PATH
    subprocess.run(
        [uv, "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    prompts = {path.relative_to(ROOT) for path in (ROOT / "prompts").rglob("*") if path.is_file()}
    assert prompts
    assert all((site / "agent" / path).is_file() for path in prompts)
    # The installed package stands before the checkout, in a folder that has no prompts/.
    read = subprocess.run(
        [sys.executable, "-c", READ, str(site)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert read.stdout.strip() == (ROOT / "prompts/default/instructions.md").read_text().strip()
