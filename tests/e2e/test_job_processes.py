"""What job processes are given by their worker."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn
from tests.e2e.conftest import Worker
from tests.e2e.test_call import until_gone
from tests.e2e.test_overrides import last_session

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LIVEKITS_OWN_ENTRY = (sys.executable, "-m", "livekit.agents", "start", "agent/worker.py", "--dev")
THREADS = Path(__file__).with_name("thread_worker.py")


async def test_job_in_a_thread_gets_the_servers_agent(
    livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    program = (*LIVEKITS_OWN_ENTRY[:4], str(THREADS), "--dev")
    async with Worker(livekit, stand_in.url, program=program) as worker:
        await worker.until("registered worker")
        async with worker.called("in-a-thread") as caller:
            assert await caller.wait_for_speech(caller.joined_at, 15)
        await until_gone(livekit, "in-a-thread")
    assert last_session(stand_in)["session"]["instructions"] == "You are in in-a-thread."


async def test_jobs_keep_the_workers_settings_and_its_secret_out_of_their_environment(
    livekit: LiveKitAddress, stand_in: StandIn, tmp_path: Path
) -> None:
    settings, secret = tmp_path / "env", tmp_path / "secret"
    secret.write_text(livekit.api_secret)
    settings.write_text("REALTIME_VOICE=ash\n")
    async with Worker(
        livekit,
        stand_in.url,
        program=LIVEKITS_OWN_ENTRY,
        LIVEKIT_API_SECRET="",
        LIVEKIT_API_SECRET_FILE=str(secret),
        AGENT_ENV_FILE=str(settings),
    ) as worker:
        await worker.until("registered worker")
        settings.write_bytes(b"REALTIME_VOICE=coral\n\xff\n")
        secret.unlink()
        # The worker has one process ready; the second call gets one that was started since.
        for room in ("job-ready", "job-later"):
            async with worker.called(room) as caller:
                assert await caller.wait_for_speech(caller.joined_at, 15)
                assert last_session(stand_in)["session"]["audio"]["output"]["voice"] == "ash"
            await until_gone(livekit, room)  # which the job asks for with the secret
        seen = 0
        for process in worker.tree()[1:]:
            with suppress(psutil.NoSuchProcess):
                assert livekit.api_secret not in process.environ().values()
                seen += 1
        assert seen >= 2
