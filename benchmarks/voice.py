"""Measure the latency of text to speech and of a stored greeting.

``sentence_ms``: in a text-only session, from the service's last delta of an answer's first sentence
to its first audio at the caller, without the time of the TTS itself. ``greeting_ms``: from the job
request to the first audio of a stored greeting, with a model that takes three seconds to connect.
``leaked``: audio that the service sends in a text-only session, and how much of it the caller
receives.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from agent.cli.call import synthesize
from agent.cli.progress import say
from agent.errors import LiveKitError
from agent.local.audio import SERVICE_RATE, write_wav
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.local.standin.script import Script, Turn
from agent.voice.greeting import words_file
from benchmarks import command_line
from benchmarks.agent_worker import agent_worker
from benchmarks.chirp import chirp

QUESTION = "what are your opening hours"
ANSWER = "From noon until ten. Shall I book a table? We have a few left for this evening."
FIRST_SENTENCE_ENDS = "ten."
SCRIPT = Script(greeting="Hello.", turns=(Turn(hear=(QUESTION,), say=ANSWER),), otherwise=ANSWER)
OWN_VOICE = "ash"
"""The voice of the TTS; the service's own voice is another."""
CONNECT_MS = 3000
LEAKED_DELTAS = 1000
DELTA_SECONDS = 0.2
JOB_REQUEST = "received job request"


@dataclass(slots=True, eq=False)
class TimedVoice:
    """Speech synthesis that records its times. The service's own voice is a chirp of
    ``leak_seconds``."""

    leak_seconds: float = 1.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    """When each synthesis for the TTS began and ended, by ``time.time``."""

    def __call__(
        self, text: str, *, voice: str = "alloy", language: str = "en-us", speed: float = 1.0
    ) -> bytes:
        if voice != OWN_VOICE:
            return chirp(self.leak_seconds, SERVICE_RATE)
        began = time.time()
        pcm = speech.say(text, voice=voice, language=language, speed=speed)
        self.spans.append((began, time.time()))
        return pcm


async def sentence_ms(address: LiveKitAddress, calls: int) -> list[float]:
    """Return milliseconds from a first sentence to its audio, for each of ``calls`` answers."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        log, voice = Path(folder) / "events.jsonl", TimedVoice()
        options = StandInOptions(script=SCRIPT, speak=voice, log=log)
        environ = {"AGENT_VOICE_FROM": "tts", "AGENT_TTS_VOICE": OWN_VOICE}
        async with (
            StandIn(options) as stand_in,
            agent_worker(address, stand_in.url, "voice", environ=environ),
            Caller(address, "voice", agent_name="voice") as caller,
        ):
            await _wait_for_speech(caller, caller.joined_at)
            for _ in range(calls):
                await caller.wait_for_silence(1.0, 15)
                said_at = await caller.say(synthesize(QUESTION))
                received_at = (
                    time.time() - time.monotonic() + await _wait_for_speech(caller, said_at)
                )
                complete = _first_sentence_times(log)[-1]
                took = next(done - began for began, done in voice.spans if began > complete)
                found.append((received_at - complete - took) * 1000)
                say(f"  … the first sentence arrived after {found[-1]:.0f} ms")
    return found


async def measure_leak(address: LiveKitAddress, deltas: int = LEAKED_DELTAS) -> dict[str, float]:
    """Send ``deltas`` of audio in a text-only session; return how many were sent and received."""
    voice = TimedVoice(leak_seconds=deltas * DELTA_SECONDS)
    options = StandInOptions(script=SCRIPT, speak=voice, pace=200.0)
    environ = {"AGENT_VOICE_FROM": "tts", "AGENT_TTS_VOICE": OWN_VOICE}
    async with (
        StandIn(options) as stand_in,
        agent_worker(address, stand_in.url, "leak", environ=environ),
        Caller(address, "leak", agent_name="leak") as caller,
    ):
        await _wait_for_speech(caller, caller.joined_at)
        await caller.wait_for_silence(1.0, 15)
        stand_in.faults["audio-in-text-session"] = parse_fault("audio-in-text-session")
        before = len(caller.received.speech_times)
        await caller.say(synthesize(QUESTION))
        (session,) = stand_in.record.sessions.values()
        deadline = time.monotonic() + 20
        while session.sent["response.output_audio.done"] < 1:
            if not await caller.wait_for_audio(deadline):
                raise LiveKitError("The stand-in sent no audio.")
        # Leaked audio would arrive within this time, since it is sent faster than it plays.
        await caller.wait_for_silence(2.0, 10)
        sent = session.sent["response.output_audio.delta"]
        return {"deltas": sent, "frames_heard": len(caller.received.speech_times) - before}


async def greeting_ms(address: LiveKitAddress, calls: int) -> list[float]:
    """Return milliseconds from a job request to the greeting, for each of ``calls`` calls."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder) / "greeting.wav"
        write_wav(audio, chirp(2.0, SERVICE_RATE), SERVICE_RATE)
        words_file(audio).write_text("A chirp.")
        environ = {"AGENT_GREETING_AUDIO": str(audio)}
        options = StandInOptions(script=SCRIPT, connect_ms=CONNECT_MS)
        async with (
            StandIn(options) as stand_in,
            agent_worker(address, stand_in.url, "greeting", environ=environ) as worker,
        ):
            for number in range(calls):
                requested = asyncio.create_task(_time_of(worker.wait_for_line(JOB_REQUEST)))
                async with Caller(address, f"greeting-{number}", agent_name="greeting") as caller:
                    greeted_at = await _wait_for_speech(caller, caller.joined_at)
                found.append((greeted_at - await requested) * 1000)
                say(f"  … the stored greeting arrived after {found[-1]:.0f} ms")
                await asyncio.sleep(5)  # the next process warms up
    return found


async def _time_of(future: Any) -> float:
    await future
    return time.monotonic()


async def _wait_for_speech(caller: Caller, since: float) -> float:
    received_at = await caller.wait_for_speech(since, 20)
    if received_at is None:
        raise LiveKitError("The agent said nothing for 20 s.")
    return received_at


def _first_sentence_times(log: Path) -> list[float]:
    """Return when the first sentence of each answer was complete, by ``time.time``."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        line["time"]
        for line in lines
        if line["event"].get("type") == "response.output_text.delta"
        and FIRST_SENTENCE_ENDS in line["event"]["delta"]
    ]


async def _measure(arguments: argparse.Namespace) -> int:
    async with LiveKitServer(say) as server:
        sentences = await sentence_ms(server.address, arguments.calls)
        greetings = await greeting_ms(server.address, arguments.calls)
        leak = await measure_leak(server.address)
    result: dict[str, dict[str, float]] = {
        "sentence_ms": {"median": round(median(sentences)), "most": round(max(sentences))},
        "greeting_ms": {"median": round(median(greetings)), "most": round(max(greetings))},
        "leaked": leak,
    }
    command_line.show(result, as_json=arguments.json)
    return 0


def main() -> int:
    parser = command_line.create_parser("benchmarks.voice", __doc__)
    parser.add_argument("--calls", type=int, default=7, help="calls of each kind (%(default)s)")
    return command_line.run(_measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
