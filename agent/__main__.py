"""``python -m agent``: the command, for where it is not installed as a script."""

from agent.cli import program

program()
