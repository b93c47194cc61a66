"""``agent realtime`` as it is typed, and the guide to it as it is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.local.standin.faults import KINDS
from tests.kit.programs import Started, run

GUIDE = Path(__file__).parents[2] / "docs" / "stand-in.md"
PORT_IN_GUIDE = "8090"


async def test_the_raw_client_of_the_guide_meets_its_fault(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    client = tmp_path / "client.py"
    options = ("--port", "0", "--no-recognition", "--fault", "audio-in-text-session")
    async with Started("realtime", *options) as program:
        port = re.search(r":(\d+)\.", await program.until("listens at"))
        assert port is not None
        client.write_text(blocks[0].replace(PORT_IN_GUIDE, port[1]))
        ended = await run(program=[str(client)])
        await program.end()
    assert ended.code == 0, ended.err
    kinds = [line.split(" ")[0] for line in ended.out.splitlines()]
    assert kinds[:3] == ["session.created", "session.updated", "response.created"]
    assert "response.output_audio.delta" in kinds
    assert "response.output_audio_transcript.delta" in kinds
    assert kinds[-1] == "response.done"


async def test_the_faults_are_listed() -> None:
    ended = await run("realtime", "--faults", "--json")
    rows = json.loads(ended.out)
    assert [row["name"] for row in rows] == list(KINDS)
    assert all(row["thread"].startswith("https://") and row["effect"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "stal"], "There is no fault 'stal'."),
        (["--fault", "expire=soon"], "'expire' takes a number of seconds, at least 0, not 'soon'."),
        (["--script", "nowhere.yaml"], "The script nowhere.yaml cannot be read"),
        (["--log", "/nowhere/log.jsonl"], "The log /nowhere/log.jsonl cannot be written"),
        (["--tls-cert", "cert.pem"], "TLS needs both"),
        (["--tls-cert", "cert.pem", "--tls-key", "key.pem"], "(No such file or directory)"),
    ],
)
async def test_bad_arguments_print_one_line(arguments: list[str], message: str) -> None:
    ended = await run("realtime", "--port", "0", *arguments)
    assert ended.code == 1
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1
