"""The livekit-server of the demo and the tests: what it exposes of itself."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from pathlib import Path

import psutil
import pytest

from agent.errors import LiveKitError
from agent.local.livekit_server import LiveKitServer


@pytest.mark.e2e
async def test_livekit_server_listens_on_loopback_only() -> None:
    async with LiveKitServer() as server:
        assert server.child is not None
        sockets = psutil.Process(server.child.pid).net_connections()
        addresses = {(each.laddr.ip, each.type.name) for each in sockets}
        assert all(ipaddress.ip_address(ip).is_loopback for ip, _ in addresses), addresses
        assert {kind for _, kind in addresses} == {"SOCK_STREAM", "SOCK_DGRAM"}


RECORDER = """#!{python}
import sys
print(*sys.argv[1:])
print(oct(__import__("os").stat(sys.argv[2]).st_mode & 0o777))
print(open(sys.argv[2]).read())
"""


async def test_livekit_server_secret_is_read_from_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program on PATH shows what it was started with, and ends."""
    program = tmp_path / "livekit-server"
    program.write_text(RECORDER.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    server = LiveKitServer()
    with pytest.raises(LiveKitError):
        async with server:
            pass
    assert server.child is not None
    arguments, mode, content = server.child.tail
    assert server.address.api_secret not in arguments
    assert mode == "0o600"
    assert server.address.api_secret in content
    assert not await asyncio.to_thread(Path(arguments.split()[-1]).exists)
