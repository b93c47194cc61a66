"""``python -m agent``: the command, for where it is not installed as a script."""

import sys

from agent.cli import main

sys.exit(main())
