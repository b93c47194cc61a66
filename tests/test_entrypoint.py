"""How a job process finds the agent and the tools of its worker."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any

import pytest
from livekit.agents import JobExecutorType
from pydantic import SecretStr

from agent.config.settings import LiveKitSettings, Settings
from agent.entrypoint import find_server_name
from agent.errors import LocalError
from agent.server import create_server
from tests.kit import tool_worker


def settings() -> Settings:
    return Settings(
        livekit=LiveKitSettings(
            url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr("secret" * 8)
        )
    )


def load_in_process(pickled: bytes, results: Any) -> None:
    entrypoint = pickle.loads(pickled)
    results.put((type(entrypoint).__name__, [tool.id for tool in tool_worker.TOOLS]))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_entrypoint_in_another_process_is_that_of_the_module(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    results = context.Queue()
    pickled = pickle.dumps(tool_worker.server.entrypoint)
    process = context.Process(target=load_in_process, args=(pickled, results))
    process.start()
    try:
        assert results.get(timeout=60) == ("ServerEntrypoint", ["opening_hours"])
    finally:
        process.join(10)
        process.close()


def test_entrypoint_is_pickled_as_the_servers_place_not_by_value() -> None:
    assert find_server_name(tool_worker.server) == ("tests.kit.tool_worker", "server")
    assert pickle.loads(pickle.dumps(tool_worker.server.entrypoint)) is (
        tool_worker.server.entrypoint
    )


def test_tool_that_is_pickled_by_value_is_refused_by_pickle() -> None:
    """Why the entrypoint is pickled by name; once this fails, that can go."""
    with pytest.raises(pickle.PicklingError, match="not the same object"):
        pickle.dumps(tool_worker.TOOLS[0])


async def test_server_without_a_global_name_refuses_to_run_with_processes() -> None:
    with pytest.raises(LocalError, match="Assign it at the top level of a module"):
        await create_server(settings()).run()
    with pytest.raises(pickle.PicklingError, match="top level of a module"):
        pickle.dumps(create_server(settings()).entrypoint)


def test_server_with_threads_needs_no_global_name() -> None:
    server = create_server(settings(), job_executor_type=JobExecutorType.THREAD)
    server._register_entrypoint()
    assert server._entrypoint_fnc is server.entrypoint


def test_registered_function_takes_the_place_of_the_default() -> None:
    async def entrypoint(_: Any) -> None: ...

    server = create_server(settings())
    server.rtc_session(entrypoint, agent_name="own")
    server._register_entrypoint()
    assert server._entrypoint_fnc is entrypoint


def test_options_of_livekits_server_take_the_place_of_this_workers() -> None:
    server = create_server(settings(), num_idle_processes=7, host="10.0.0.1")
    assert (server._num_idle_processes, server._host) == (7, "10.0.0.1")
