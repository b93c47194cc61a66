"""What several commands take. Kept light: they are asked for before anything heavy is imported."""

from __future__ import annotations

import argparse
from pathlib import Path

DEMO_SCRIPT = Path(__file__).resolve().parent.parent / "local" / "demo.yaml"


def add_sound_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--audio",
        type=Path,
        metavar="IN.wav",
        help="speak this file, a turn for each stretch of speech in it (generated speech)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
