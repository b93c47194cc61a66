"""Generate the files that derive from the code: ``python -m tools.generate``."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.config.reference import env_example, parameters_markdown

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Return the content of each generated file."""
    return {
        ROOT / "docs" / "parameters.md": parameters_markdown(),
        ROOT / ".env.example": env_example(),
    }


def main() -> int:
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
