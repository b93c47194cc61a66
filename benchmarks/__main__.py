"""Compare this project's worker with a plain livekit-agents worker, in alternating calls."""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median
from typing import Any

from agent.cli.progress import say
from agent.voice.turn_detection import MODES, PUSH_TO_TALK
from benchmarks import command_line
from benchmarks.measured_call import ROWS, Sample, measure_call, synthesize_utterances
from benchmarks.rig import Rig
from benchmarks.stats import paired_difference

BENCHMARKS = {
    "benchmarks": "calls to the plain worker and to this one: latency, barge-in, memory, processor",
    "benchmarks.guard": "processor time of validating one client event",
    "benchmarks.noise": "false and missed interruptions in noise, by turn-detection preset",
    "benchmarks.process_loss": "recovery after the process of a call is killed",
    "benchmarks.reconnects": "a long call over a service that ends its sessions",
    "benchmarks.standin": "latency, processor and memory of the stand-in server",
    "benchmarks.truncation": "accuracy of the playback position at an interruption",
    "benchmarks.voice": "latency of text to speech and of a stored greeting",
}


def main() -> int:
    parser = command_line.create_parser("benchmarks", __doc__)
    listing = "\n".join(f"  python -m {name:25} {what}" for name, what in BENCHMARKS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"all benchmarks, each with its own --help:\n{listing}"
    parser.add_argument("--pairs", type=int, default=7, help="calls to each worker (%(default)s)")
    parser.add_argument(
        "--mode",
        choices=[mode for mode in MODES if mode != PUSH_TO_TALK],
        default="server_vad",
        help="turn-detection mode (%(default)s); the plain worker has no push_to_talk",
    )
    return command_line.run(_compare, parser.parse_args())


async def _compare(arguments: argparse.Namespace) -> int:
    samples: dict[str, list[Sample]] = {"plain": [], "ours": []}
    utterances = synthesize_utterances()
    async with Rig(arguments.mode) as rig:
        for worker in rig.workers.values():
            say(f"Warming up the {worker.name} worker with a call that is not counted.")
            await measure_call(rig, worker, utterances[:1])
        for number in range(arguments.pairs):
            # The order alternates, since the second call of a pair finds a warmer machine.
            order = ("plain", "ours") if number % 2 else ("ours", "plain")
            for name in order:
                sample = await measure_call(rig, rig.workers[name], utterances)
                samples[name].append(sample)
                values = "  ".join(f"{row} {sample[row]:.5g}" for row in ROWS)
                say(f"pair {number + 1}/{arguments.pairs}  {name:5}  {values}")
    result = {row: _row(samples, row) for row in ROWS}
    print(json.dumps(result) if arguments.json else _table(result))
    return 0


def _row(samples: dict[str, list[Sample]], row: str) -> dict[str, Any]:
    plain = [sample[row] for sample in samples["plain"]]
    ours = [sample[row] for sample in samples["ours"]]
    difference = paired_difference(ours, plain)
    return {
        "unit": ROWS[row],
        "plain": median(plain),
        "ours": median(ours),
        "difference": difference.median,
        "interval": [difference.low, difference.high],
        "pairs": len(plain),
    }


def _table(result: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| figure | plain | ours | paired difference (95 %) |",
        "|---|---|---|---|",
    ]
    for row, figures in result.items():
        low, high = figures["interval"]
        lines.append(
            f"| {row}, {figures['unit']} | {figures['plain']:.4g} | {figures['ours']:.4g} "
            f"| {figures['difference']:+.3g} ({low:+.3g} to {high:+.3g}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
