"""One response from ``response.created`` to ``response.done``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.local.standin import fault_injection
from agent.local.standin.answers import Answer, Heard, forced_call
from agent.local.standin.audio_deltas import deltas, format_of
from agent.local.standin.identifiers import new_id
from agent.local.standin.items import Item
from agent.local.standin.response_output import CallOutput, Cut, MessageOutput
from agent.local.standin.rules import Refusal
from agent.local.standin.transcription import heard_all
from agent.local.standin.usage import Spent, response_usage

if TYPE_CHECKING:
    from agent.local.standin.session import Session

LIMIT_TOKENS = 40_000
"""Of ``rate_limits.updated``: the tokens a minute that the first tier has."""


def rehearse(session: Session) -> None:
    """Make the sound of what may be said now, so that no answer waits for it."""
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


def start_reply(session: Session, request: dict[str, Any], *, idle: bool = False) -> None:
    """Begin a response; ``request`` is the ``response`` object of the event, in GA spelling."""
    beside = request.get("conversation") == "none"
    if session.reply is not None and not beside:
        raise Refusal(
            "conversation_already_has_active_response",
            "Conversation already has an active response in progress: "
            f"{session.reply.id}. Wait until the response is finished before creating a new one.",
        )
    if session.fault("stall"):
        return
    if session.fault("quota"):
        fault_injection.send_quota_error(session)
        return
    reply = Reply(session, request, beside=beside, idle=idle)
    if beside:
        session.out_of_band_replies[reply.id] = reply
    else:
        session.reply = reply
        session.answering.set()
    reply.start()


class Reply:
    """A response that is being made. ``cancel`` may end it at any moment."""

    def __init__(
        self, session: Session, request: dict[str, Any], *, beside: bool, idle: bool
    ) -> None:
        self.id = new_id("resp")
        self.session = session
        self.is_out_of_band = beside
        """Out of the conversation: its items are not added there."""
        self.config = _overridden(session.config, request)
        self.items: list[Item] = []
        self.begun = asyncio.Event()
        """Set once its first delta has been sent, or it has ended without one."""
        self.spent = Spent(self.config["max_output_tokens"])
        self._request = request
        self._input = _input_items(session, request)
        self._idle = idle
        self._output: MessageOutput | CallOutput | None = None
        self._number = session.replies_made
        session.replies_made += 1

    @property
    def speaks(self) -> bool:
        return "audio" in self.config["output_modalities"]

    def start(self) -> None:
        self.session.emit("response.created", response=self._resource("in_progress"))
        self._task = self.session.spawn(self._run())

    def cancel(self, reason: str) -> None:
        self._task.cancel()
        self._end("cancelled", {"type": "cancelled", "reason": reason})

    async def _run(self) -> None:
        failure = fault_injection.failure(self.session, self._number)
        if failure is not None:
            self._end("failed", failure)
            return
        try:
            await self._answer()
        except Cut as cut:
            self._end("incomplete", {"type": "incomplete", "reason": cut.reason})
        else:
            self._end("completed", None)

    async def _answer(self) -> None:
        await heard_all(self.session)
        answer = self._decide()
        slow = self.session.fault("slow-first-audio")
        wait_ms = self.session.options.first_audio_ms + (slow.amount if slow else 0)
        if answer.preamble:
            await asyncio.sleep(wait_ms / 1000)
            await self._put_out(MessageOutput(self, answer.preamble, phase="commentary"))
            wait_ms = 0
            if answer.after_ms:
                self._end_output("completed")
        await asyncio.sleep((wait_ms + answer.after_ms) / 1000)
        if answer.say or not answer.calls:
            phase = "commentary" if answer.calls else "final_answer"
            await self._put_out(MessageOutput(self, answer.say, phase=phase))
        for call in answer.calls:
            await self._put_out(CallOutput(self, call))
        self._end_output("completed")

    async def _put_out(self, output: MessageOutput | CallOutput) -> None:
        """Put out an item; it stays open until the next one has begun, or all is said."""
        output.begin()
        self._end_output("completed")
        self._output = output
        await output.run()

    def _end_output(self, status: str) -> None:
        if self._output is not None:
            self._output.end(status)
            self._output = None

    def _decide(self) -> Answer:
        heard = self._heard()
        call = forced_call(self.config["tool_choice"], self.config["tools"])
        answer = self.session.answers.answer(heard)
        if call is not None and not answer.calls:
            return Answer(calls=(call,))
        return answer

    def _may_call(self) -> set[str]:
        """The functions that are declared to the model, unless it is told to call none."""
        if self.config["tool_choice"] == "none":
            return set()
        return {str(tool["name"]) for tool in self.config["tools"] if tool["type"] == "function"}

    def _heard(self) -> Heard:
        """What the caller and the tools said since the last response."""
        items = list(self.session.conversation) if self._input is None else self._input
        said: list[str | None] = []
        outputs: dict[str, str] = {}
        tools: dict[str, str] = {}
        greeted = False
        for item in items:
            if item.is_assistants:
                # What came before was answered, in this session or in the one it continues.
                said, outputs, greeted = [], {}, True
            if item.body.get("type") == "function_call":
                tools[item.body["call_id"]] = item.body["name"]
            if item.answered:
                continue
            item.answered = not self.is_out_of_band
            if item.is_user_message:
                said.append(item.words)
            elif item.body.get("type") == "function_call_output":
                outputs[item.body["call_id"]] = item.body["output"] or ""
        return Heard(said, outputs, tools, greeted, self._may_call(), self._idle)

    def _end(self, status: str, details: dict[str, Any] | None) -> None:
        session = self.session
        self.begun.set()
        self._end_output("incomplete")
        if self.is_out_of_band:
            session.out_of_band_replies.pop(self.id, None)
        elif session.reply is self:
            session.reply = None
            session.answering.clear()
        usage = response_usage(
            session.conversation, session.read_items, self.config["instructions"], self.spent
        )
        if session.reasons:
            usage["output_token_details"]["reasoning_tokens"] = 0
        if not self.is_out_of_band:
            session.read_items = {item.id for item in session.conversation}
        done = {**self._resource(status), "status_details": details, "usage": usage}
        session.emit("response.done", response=done)
        session.emit("rate_limits.updated", rate_limits=[_rate_limit(usage["total_tokens"])])
        session.buffer.on_reply_end(self.spent.audio_ms)
        fault_injection.after_done(session, self.id, self.items)

    def _resource(self, status: str) -> dict[str, Any]:
        output = self.config["audio"]["output"]
        warmth = {"temperature": self.config["temperature"]} if self.session.flat else {}
        return {
            **warmth,
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": None,
            "output": [item.body for item in self.items],
            "conversation_id": None if self.is_out_of_band else self.session.conversation.id,
            "output_modalities": self.config["output_modalities"],
            "max_output_tokens": self.config["max_output_tokens"],
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
            "usage": None,
            "metadata": self._request.get("metadata"),
        }


def _input_items(session: Session, request: dict[str, Any]) -> list[Item] | None:
    """What a response is to answer instead of the conversation; references are looked up."""
    if "input" not in request:
        return None
    items = []
    for index, body in enumerate(request["input"]):
        if body["type"] != "item_reference":
            items.append(Item(body))
        elif (found := session.conversation.get(body["id"])) is not None:
            items.append(replace(found, answered=False))
        else:
            # No sentence is recorded; this is the one of conversation.item.truncate.
            message = f"Item with item_id not found: {body['id']}"
            raise Refusal("invalid_value", message, param=f"response.input[{index}].id")
    return items


def _overridden(config: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The session's settings with what a response says otherwise."""
    own = (
        *("output_modalities", "instructions", "tools", "tool_choice", "max_output_tokens"),
        "temperature",
    )
    merged = {**config, **{key: request[key] for key in own if request.get(key) is not None}}
    output = request.get("audio", {}).get("output", {})
    merged["audio"] = {**config["audio"], "output": {**config["audio"]["output"], **output}}
    return merged


def _rate_limit(tokens: int) -> dict[str, Any]:
    left = max(LIMIT_TOKENS - tokens, 0)
    seconds = tokens / LIMIT_TOKENS * 60
    return {
        "name": "tokens",
        "limit": LIMIT_TOKENS,
        "remaining": left,
        "reset_seconds": round(seconds, 3),
    }
