"""A plain livekit-agents worker, as LiveKit's documentation shows it, to compare with.

It has the same service, turn detection and number of warm processes as this project's worker.
``BENCH_TURN_TAKING`` is server_vad, semantic_vad or local.
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess
from livekit.plugins import openai, silero
from openai.types.realtime import AudioTranscription
from openai.types.realtime.realtime_audio_input_turn_detection import SemanticVad, ServerVad

MODE = os.environ.get("BENCH_TURN_TAKING", "server_vad")
DETECTIONS = {
    "server_vad": ServerVad(
        type="server_vad", threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500
    ),
    "semantic_vad": SemanticVad(type="semantic_vad"),
    "local": None,
}

server = AgentServer(host="127.0.0.1", num_idle_processes=1)


def prewarm(process: JobProcess) -> None:
    process.userdata["vad"] = silero.VAD.load()


server.setup_fnc = prewarm


@server.rtc_session(agent_name=os.environ["LIVEKIT_AGENT_NAME"])
async def entrypoint(ctx: JobContext) -> None:
    model = openai.realtime.RealtimeModel(
        model="gpt-realtime-2.1",
        turn_detection=DETECTIONS[MODE],
        input_audio_transcription=AudioTranscription(model="gpt-transcribe"),
    )
    session: AgentSession[None] = AgentSession(llm=model, vad=ctx.proc.userdata["vad"])
    await session.start(
        Agent(instructions=os.environ["REALTIME_INSTRUCTIONS"]),
        room=ctx.room,
    )
    await session.generate_reply(instructions=os.environ["AGENT_WELCOME"])
