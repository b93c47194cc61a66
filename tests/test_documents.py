"""The documents agree with the tree: packages, paths, links and commands that they name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import COMMANDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONTRIBUTOR_DOCUMENTS = [ARCHITECTURE, ROOT / "AGENTS.md", ROOT / "CONTRIBUTING.md"]
RESERVED = "Reserved packages"
"""The section of the architecture whose packages do not exist yet."""
FOLDERS = "agent|benchmarks|docs|examples|prompts|tests|tools"

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
each_contributor_document = pytest.mark.parametrize(
    "document", CONTRIBUTOR_DOCUMENTS, ids=lambda path: path.name
)


def section(document: Path, heading: str) -> str:
    """The text below ``## heading``, to the next heading of that level."""
    _, found, rest = document.read_text().partition(f"\n## {heading}\n")
    assert found, f"{document.name} has no section '{heading}'"
    return rest.partition("\n## ")[0]


def modules_named_in(text: str) -> set[str]:
    return set(re.findall(r"`(agent(?:\.[a-z_]+)+)`", text))


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return (path / "__init__.py").is_file() or path.with_suffix(".py").is_file()


def modules_in_tree() -> Iterator[str]:
    for path in (ROOT / "agent").rglob("*.py"):
        if not path.stem.startswith("__"):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def anchors(document: Path) -> set[str]:
    """GitHub's anchors of the headings of ``document``."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


def test_package_table_names_every_module_of_the_tree() -> None:
    named = modules_named_in(section(ARCHITECTURE, "Packages"))
    missing = [
        module
        for module in modules_in_tree()
        if not any(f"{module}.".startswith(f"{name}.") for name in named)
    ]
    assert missing == []


@each_contributor_document
def test_document_names_only_modules_that_exist(document: Path) -> None:
    reserved = set()
    if document == ARCHITECTURE:
        reserved = modules_named_in(section(document, RESERVED))
        assert not [name for name in reserved if is_module(name)]
    named = modules_named_in(document.read_text())
    assert sorted(name for name in named - reserved if not is_module(name)) == []


@each_contributor_document
def test_document_names_only_paths_that_exist(document: Path) -> None:
    named = re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]*\w", document.read_text())
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


@each_document
def test_document_links_resolve(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_names_every_command(command: str) -> None:
    assert f"`agent {command}" in (ROOT / "README.md").read_text()
