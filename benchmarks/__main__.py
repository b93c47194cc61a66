"""``python -m benchmarks``: the plain worker and ours, alternating, against the same parts."""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median
from typing import Any

from agent.cli.progress import say
from agent.voice.turn_detection import MODES, PUSH_TO_TALK
from benchmarks import command_line
from benchmarks.measured_call import ROWS, Sample, measured_call, sounds
from benchmarks.rig import Rig
from benchmarks.stats import paired_difference


def main() -> int:
    made = command_line.parser("benchmarks", __doc__)
    made.add_argument("--pairs", type=int, default=7, help="calls to each (%(default)s)")
    made.add_argument(
        "--mode",
        choices=[mode for mode in MODES if mode != PUSH_TO_TALK],
        default="server_vad",
        help="how turns are taken (%(default)s); the plain worker has no push_to_talk",
    )
    return command_line.run(_compare, made.parse_args())


async def _compare(arguments: argparse.Namespace) -> int:
    samples: dict[str, list[Sample]] = {"plain": [], "ours": []}
    said = sounds()
    async with Rig(arguments.mode) as rig:
        for worker in rig.workers.values():
            say(f"A call to the {worker.name} worker that is not counted.")
            await measured_call(rig, worker, said[:1])
        for number in range(arguments.pairs):
            # Who is first changes with every pair: the second finds a warmer machine.
            order = ("plain", "ours") if number % 2 else ("ours", "plain")
            for name in order:
                sample = await measured_call(rig, rig.workers[name], said)
                samples[name].append(sample)
                told = "  ".join(f"{row} {sample[row]:.5g}" for row in ROWS)
                say(f"pair {number + 1}/{arguments.pairs}  {name:5}  {told}")
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
