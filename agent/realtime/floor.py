"""Who has the floor, as the engine was told. Pure; in GA.

When a connection is lost in the middle of something, the engine has to hear of its end all the
same: it waits for the rest of a reply, and takes the caller to be speaking still (upstream 1.8.9,
defect D19).
"""

from __future__ import annotations

from agent.realtime.conversation import answers, as_object
from agent.realtime.dialects import Event
from agent.realtime.history import responding


class Floor:
    def __init__(self) -> None:
        self.speaking = False
        """The caller, as the service hears it."""
        self.sentence = False
        """Some of the caller's speech has not been committed."""
        self.owed = False
        """The service has committed a turn, and will answer it unasked."""
        self.reply: str | None = None
        """The response in flight, in the conversation."""
        self.items: list[str] = []
        """Of that response."""
        self.create: Event | None = None
        """What asked for it, if the service did not begin it by itself."""
        self._asked: Event | None = None

    def sent(self, event: Event) -> None:
        if responding(event):
            self._asked = event
        elif event["type"] in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            self.sentence = False

    def received(self, event: Event, *, answers_unasked: bool) -> None:
        """``answers_unasked``: the service begins a response whenever it commits a turn."""
        match event.get("type"):
            case "input_audio_buffer.speech_started":
                self.speaking = self.sentence = True
            case "input_audio_buffer.speech_stopped":
                self.speaking = False
            case "input_audio_buffer.committed":
                self.speaking = self.sentence = False
                self.owed = answers_unasked
            case "response.created":
                self._created(as_object(event.get("response")))
            case "response.output_item.added" if event.get("response_id") == self.reply:
                self.items.append(str(as_object(event.get("item")).get("id")))
            case "response.done" if as_object(event.get("response")).get("id") == self.reply:
                self._end()

    def lost(self) -> list[Event]:
        """The connection is gone: what the engine is to be told, so that it waits for nothing."""
        told: list[Event] = []
        if self.speaking:
            told.append({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 0})
        if self.reply is not None:
            told.append(ended(self.reply))
        self.speaking = self.owed = False
        self._end()
        return told

    def _created(self, response: Event) -> None:
        if response.get("conversation_id", "") is None:
            return
        self._end()
        self.reply, self.owed = str(response.get("id")), False
        if self._asked is not None and answers(self._asked, response):
            self.create, self._asked = self._asked, None

    def _end(self) -> None:
        self.reply, self.items, self.create = None, [], None


def ended(response_id: str) -> Event:
    """A ``response.done`` that says that the rest will not come. As cancelled: a failure would
    make the engine report an error, of which there is none left to act on."""
    details = {"type": "cancelled", "reason": "client_cancelled"}
    response = {
        "id": response_id,
        "object": "realtime.response",
        "status": "cancelled",
        "status_details": details,
        "output": [],
    }
    return {"type": "response.done", "response": response}
