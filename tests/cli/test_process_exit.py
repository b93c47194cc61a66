"""The commands end without the interpreter being finalised under LiveKit's threads."""

from __future__ import annotations

import pytest

from tests.kit.programs import run

FINALISED = """
import os, sys
class Witness:
    def __del__(self):
        os.write(1, b"finalised")
sys.modules["witness"] = Witness()
{then}
"""


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--help",), 0), (("nothing",), 2), (("call", "--turns", "x"), 2)]
)
async def test_command_exits_with_its_code_without_finalizing(
    arguments: tuple[str, ...], code: int
) -> None:
    program = ("-c", FINALISED.format(then="from agent.cli import program; program()"))
    ended = await run(*arguments, program=program)
    assert ended.code == code
    assert "finalised" not in ended.out
    assert "usage: agent" in ended.out + ended.err


async def test_exception_still_prints_a_traceback() -> None:
    then = "import agent.cli as cli; cli.main = lambda: 1 / 0; cli.program()"
    ended = await run(program=("-c", FINALISED.format(then=then)))
    assert ended.code == 1
    assert "ZeroDivisionError" in ended.err
    assert "finalised" not in ended.out


async def test_finalized_interpreter_prints_the_marker() -> None:
    ended = await run(program=("-c", FINALISED.format(then="")))
    assert ended.out == "finalised"
