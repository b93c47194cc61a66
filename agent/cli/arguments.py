"""Arguments that several commands share. It imports nothing heavy, so that help is fast."""

from __future__ import annotations

import argparse
from pathlib import Path

DEMO_SCRIPT = Path(__file__).resolve().parent.parent / "local" / "demo.yaml"


def add_sound_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--audio`` and ``--json``."""
    parser.add_argument(
        "--audio",
        type=Path,
        metavar="IN.wav",
        help="the caller's speech, one turn per utterance in the file (default: generated speech)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
