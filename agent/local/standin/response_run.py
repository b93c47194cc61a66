"""Generation of one response, from ``response.created`` to ``response.done``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from agent.local.standin import fault_injection
from agent.local.standin.answers import Answer, TurnInput, forced_call
from agent.local.standin.audio_deltas import deltas, format_of
from agent.local.standin.conversation import Item
from agent.local.standin.response import Response, is_out_of_band
from agent.local.standin.response_output import CallOutput, MessageOutput, ResponseIncomplete
from agent.local.standin.rules import Refusal
from agent.local.standin.session import Session
from agent.local.standin.transcription import wait_for_recognition
from agent.local.standin.usage import response_usage

LIMIT_TOKENS = 40_000
"""The ``limit`` in ``rate_limits.updated``: tokens a minute in the service's first usage tier."""


def prepare_speech(session: Session) -> None:
    """Synthesize what the session may say, in threads, so that no response waits for it."""
    output = session.config["audio"]["output"]
    voice, speed, format = str(output["voice"]), float(output["speed"]), format_of(output)
    if "audio" in session.config["output_modalities"]:
        for line in session.answers.lines:
            session.spawn(
                asyncio.to_thread(
                    deltas,
                    session.options.speak,
                    line,
                    voice,
                    session.answers.language,
                    speed,
                    format,
                )
            )


def start_response(session: Session, request: dict[str, Any], *, is_idle: bool = False) -> None:
    """Start a response to ``request``, the ``response`` object of the event in GA spelling.

    ``is_idle``: the caller has been silent for ``idle_timeout_ms``. Raises ``Refusal`` if the
    conversation already has an active response.
    """
    if session.response is not None and not is_out_of_band(request):
        raise Refusal(
            "conversation_already_has_active_response",
            "Conversation already has an active response in progress: "
            f"{session.response.id}. Wait until the response is finished before creating a new "
            "one.",
        )
    if session.fault("stall"):
        return
    if session.fault("quota"):
        fault_injection.send_quota_error(session)
        return
    response = Response.from_request(session.config, request)
    run = ResponseRun(session, response, _input_items(session, request), is_idle=is_idle)
    if response.is_out_of_band:
        session.out_of_band_responses[response.id] = response
    else:
        session.response = response
        session.has_response.set()
    run.start()


class ResponseRun:
    """The task that generates a response and sends its events."""

    def __init__(
        self, session: Session, response: Response, input: list[Item] | None, *, is_idle: bool
    ) -> None:
        """``input`` is what to answer; ``None`` answers the conversation."""
        self._session = session
        self._response = response
        self._input = input
        self._is_idle = is_idle
        self._output: MessageOutput | CallOutput | None = None
        self._number = session.response_count
        session.response_count += 1

    def start(self) -> None:
        self._session.emit("response.created", response=self._resource("in_progress"))
        self._task = self._session.spawn(self._run())
        self._response.on_cancel = self._cancel

    def _cancel(self, reason: str) -> None:
        self._task.cancel()
        self._end("cancelled", {"type": "cancelled", "reason": reason})

    async def _run(self) -> None:
        failure = fault_injection.failure(self._session, self._number)
        if failure is not None:
            self._end("failed", failure)
            return
        try:
            await self._generate()
        except ResponseIncomplete as cut:
            self._end("incomplete", {"type": "incomplete", "reason": cut.reason})
        else:
            self._end("completed", None)

    async def _generate(self) -> None:
        session, response = self._session, self._response
        await wait_for_recognition(session)
        answer = self._choose_answer()
        slow = session.fault("slow-first-audio")
        wait_ms = session.options.first_audio_ms + (slow.amount if slow else 0)
        if answer.preamble:
            await asyncio.sleep(wait_ms / 1000)
            await self._put(MessageOutput(session, response, answer.preamble, phase="commentary"))
            wait_ms = 0
            if answer.after_ms:
                self._end_output("completed")
        await asyncio.sleep((wait_ms + answer.after_ms) / 1000)
        if answer.say or not answer.calls:
            phase = "commentary" if answer.calls else "final_answer"
            await self._put(MessageOutput(session, response, answer.say, phase=phase))
        for call in answer.calls:
            await self._put(CallOutput(session, response, call))
        self._end_output("completed")

    async def _put(self, output: MessageOutput | CallOutput) -> None:
        """Stream an output item. It stays open until the next item begins or the run ends."""
        output.begin()
        self._end_output("completed")
        self._output = output
        await output.run()

    def _end_output(self, status: str) -> None:
        if self._output is not None:
            self._output.end(status)
            self._output = None

    def _choose_answer(self) -> Answer:
        config = self._response.config
        turn_input = self._take_input()
        call = forced_call(config["tool_choice"], config["tools"])
        answer = self._session.answers.answer(turn_input)
        if call is not None and not answer.calls:
            return Answer(calls=(call,))
        return answer

    def _callable_tools(self) -> set[str]:
        """Return the names of the declared functions; none if ``tool_choice`` is ``"none"``."""
        config = self._response.config
        if config["tool_choice"] == "none":
            return set()
        return {str(tool["name"]) for tool in config["tools"] if tool["type"] == "function"}

    def _take_input(self) -> TurnInput:
        """Collect what the caller and the tools said since the last response, and mark it."""
        items = list(self._session.conversation) if self._input is None else self._input
        utterances: list[str | None] = []
        outputs: dict[str, str] = {}
        tools: dict[str, str] = {}
        was_greeted = False
        for item in items:
            if item.is_from_assistant:
                # Earlier items were answered, in this session or in the one that it continues.
                utterances, outputs, was_greeted = [], {}, True
            if item.body.get("type") == "function_call":
                tools[item.body["call_id"]] = item.body["name"]
            if item.is_answered:
                continue
            item.is_answered = not self._response.is_out_of_band
            if item.is_user_message:
                utterances.append(item.text)
            elif item.body.get("type") == "function_call_output":
                outputs[item.body["call_id"]] = item.body["output"] or ""
        return TurnInput(
            utterances, outputs, tools, was_greeted, self._callable_tools(), self._is_idle
        )

    def _end(self, status: str, details: dict[str, Any] | None) -> None:
        session, response = self._session, self._response
        response.has_begun.set()
        self._end_output("incomplete")
        if response.is_out_of_band:
            session.out_of_band_responses.pop(response.id, None)
        elif session.response is response:
            session.response = None
            session.has_response.clear()
        usage = response_usage(
            session.conversation,
            session.read_item_ids,
            response.config["instructions"],
            response.output_usage,
        )
        if session.is_reasoning_model:
            usage["output_token_details"]["reasoning_tokens"] = 0
        if not response.is_out_of_band:
            session.read_item_ids = {item.id for item in session.conversation}
        done = {**self._resource(status), "status_details": details, "usage": usage}
        session.emit("response.done", response=done)
        session.emit("rate_limits.updated", rate_limits=[_rate_limit(usage["total_tokens"])])
        session.input_audio.expect_answer(response.output_usage.audio_ms)
        fault_injection.after_done(session, response.id, response.items)

    def _resource(self, status: str) -> dict[str, Any]:
        session = self._session
        return self._response.as_resource(
            status, conversation_id=session.conversation.id, is_flat=session.is_flat
        )


def _input_items(session: Session, request: dict[str, Any]) -> list[Item] | None:
    """Return the items of the request's ``input``, references resolved; ``None`` without one."""
    if "input" not in request:
        return None
    items = []
    for index, body in enumerate(request["input"]):
        if body["type"] != "item_reference":
            items.append(Item(body))
        elif (found := session.conversation.get(body["id"])) is not None:
            items.append(replace(found, is_answered=False))
        else:
            # No message is recorded for this case; this is the one of conversation.item.truncate.
            message = f"Item with item_id not found: {body['id']}"
            raise Refusal("invalid_value", message, param=f"response.input[{index}].id")
    return items


def _rate_limit(tokens: int) -> dict[str, Any]:
    seconds = tokens / LIMIT_TOKENS * 60
    return {
        "name": "tokens",
        "limit": LIMIT_TOKENS,
        "remaining": max(LIMIT_TOKENS - tokens, 0),
        "reset_seconds": round(seconds, 3),
    }
