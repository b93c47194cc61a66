"""What a user can get wrong: one line that names it and says what to do, soon, and no traceback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from tests.kit.programs import Ended, run

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = {"OPENAI_API_KEY": "sk-test", "AGENT_HTTP_HOST": "127.0.0.1", "AGENT_HTTP_PORT": "0"}
WITHIN_SECONDS = 10.0


def livekit(address: LiveKitAddress, **changed: str) -> dict[str, str]:
    return {
        "LIVEKIT_URL": address.url,
        "LIVEKIT_API_KEY": address.api_key,
        "LIVEKIT_API_SECRET": address.api_secret,
        **changed,
    }


NOWHERE = livekit(LiveKitAddress("ws://127.0.0.1:1", "key", "secret"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[LiveKitAddress]:
    async with LiveKitServer() as running:
        yield running.address


def assert_error(ended: Ended, message: str, code: int = 1) -> None:
    assert ended.code == code
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert ended.seconds < WITHIN_SECONDS


@pytest.mark.parametrize("command", ["call", "start", "dev"])
async def test_an_unreachable_livekit_server(command: str) -> None:
    ended = await run(command, environ={**MODEL, **NOWHERE})
    assert_error(ended, "There is no LiveKit server to reach at ws://127.0.0.1:1")


async def test_a_password_in_livekits_url_is_not_shown() -> None:
    environ = {**NOWHERE, "LIVEKIT_URL": "ws://me:hunter2@127.0.0.1:1"}
    ended = await run("call", environ=environ)
    assert_error(ended, "There is no LiveKit server to reach at ws://(hidden)@127.0.0.1:1")
    assert "hunter2" not in ended.err


async def test_the_demo_on_an_unreachable_server() -> None:
    ended = await run("demo", "--livekit", "ws://127.0.0.1:1")
    assert_error(ended, "There is no LiveKit server to reach at ws://127.0.0.1:1")


async def test_something_else_where_livekit_should_be() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        url = f"ws://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        ended = await run("call", environ={**NOWHERE, "LIVEKIT_URL": url})
    assert_error(ended, f"{url} does not answer as a LiveKit server does")


@pytest.mark.parametrize("command", ["call", "start"])
async def test_a_wrong_secret(server: LiveKitAddress, command: str) -> None:
    environ = {**MODEL, **livekit(server, LIVEKIT_API_SECRET="wrong" * 8)}
    ended = await run(command, environ=environ)
    assert_error(ended, f"does not accept the key '{server.api_key}' with this secret")


async def test_no_livekit_settings() -> None:
    ended = await run("call")
    assert_error(ended, "LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are needed")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file"), (b"words", "is not a sound file")]
)
@pytest.mark.parametrize("command", ["call", "demo"])
async def test_a_file_that_is_no_sound(
    command: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "said.wav"
    if content is not None:
        path.write_bytes(content)
    ended = await run(command, "--audio", str(path), environ=NOWHERE)
    assert_error(ended, message)


async def test_json_has_its_error_on_stdout(tmp_path: Path) -> None:
    ended = await run("call", "--json", environ=NOWHERE)
    assert ended.code == 1
    assert ended.out.startswith('{"ok": false, "error": "There is no LiveKit server')


async def test_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        realtime = await run("realtime", "--port", port)
        environ = {**MODEL, **NOWHERE, "AGENT_HTTP_PORT": port}
        start = await run("start", environ=environ)
    assert_error(realtime, f"cannot listen on 127.0.0.1:{port}")
    assert_error(start, f"The health endpoint cannot listen on 127.0.0.1:{port}")


async def test_build_without_go_fails_in_one_line(tmp_path: Path) -> None:
    """Neither a livekit-server nor a Go, and a package index that is not there."""
    environ = {
        "PATH": "/nonexistent",
        "XDG_CACHE_HOME": str(tmp_path),
        "UV": "",
        "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
        "PIP_RETRIES": "0",
        "PIP_FIND_LINKS": "",
    }
    ended = await run("demo", "--once", environ=environ)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    last = ended.err.strip().splitlines()[-1]
    assert "livekit-server cannot be built: the step 'fetch Go' failed" in last
    assert "Put a livekit-server on PATH, or name another server with --livekit URL." in last
    assert ended.seconds < WITHIN_SECONDS


AZURE = {
    "REALTIME_DIALECT": "azure_preview",
    "AZURE_OPENAI_API_KEY": "key",
    "AZURE_OPENAI_DEPLOYMENT": "speech",
}


BROKEN = [
    (
        {**AZURE, "REALTIME_TEMPERATURE": "0"},
        "REALTIME_TEMPERATURE=0 is below the minimum of 0.6 (set in the environment). "
        "Use 0.6 to 1.2, or remove it to use the service's default.",
    ),
    ({"REALTIME_TEMPERATURE": "0.8"}, "the dialect openai_ga has no temperature"),
    ({"REALTIME_MAX_OUTPUT_TOKENS": "0"}, "is below the minimum of 1 "),
    ({"REALTIME_MAX_OUTPUT_TOKENS": "4097"}, "is above the maximum of 4096 "),
    (
        {"REALTIME_TEMPERATURE": "0", "REALTIME_DIALECT": "openai_beta"},
        "is below the minimum of 0.6 ",
    ),
    (
        {"REALTIME_VOICE": "nova", "REALTIME_SERVICE": "openai"},
        "REALTIME_VOICE=nova is not one of alloy",
    ),
    ({"REALTIME_TURN_DETECTION_THRESHOLD": "1.2"}, "is above the maximum of 1 "),
    ({"REALTIME_SPEED": "99"}, "is above the maximum of 1.5 "),
]
LIVEKITS_OWN_ENTRY = ("-m", "livekit.agents", "start", "agent/worker.py")


@pytest.mark.parametrize(
    ("program", "environ", "message"),
    [
        *((("-m", "agent", "start"), *broken) for broken in BROKEN),
        (("-m", "agent", "dev"), *BROKEN[0]),
        (LIVEKITS_OWN_ENTRY, *BROKEN[0]),
    ],
)
async def test_a_parameter_out_of_range_opens_no_socket(
    program: tuple[str, ...], environ: dict[str, str], message: str
) -> None:
    connections = 0

    async def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async with await asyncio.start_server(count, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        given = {
            **MODEL,
            **NOWHERE,
            "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "AZURE_OPENAI_ENDPOINT": f"http://127.0.0.1:{port}",
            "REALTIME_DIALECT": "openai_ga",
            **environ,
        }
        ended = await run(environ=given, program=program)
    assert_error(ended, message, code=2)
    assert connections == 0


async def test_the_demo_refuses_before_it_starts_anything() -> None:
    environ = {"REALTIME_DIALECT": "azure_preview", "REALTIME_TEMPERATURE": "0"}
    ended = await run("demo", "--once", environ=environ)
    assert_error(ended, "REALTIME_TEMPERATURE=0 is below the minimum of 0.6", code=2)
