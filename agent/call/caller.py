"""The person whom a call serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from livekit import rtc

SIP_PREFIX = "sip."


@dataclass(frozen=True, slots=True)
class Caller:
    """A participant that stands for a person, as it was when the agent found it in the room."""

    identity: str
    """Unique in the room. LiveKit gives a telephone caller ``sip_`` and the number."""
    name: str = ""
    is_telephone: bool = False
    """Whether the caller comes through a SIP trunk."""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Participant attributes, read-only; those of a SIP participant begin with ``sip.``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    @classmethod
    def from_participant(cls, participant: rtc.RemoteParticipant) -> Caller:
        return cls(
            identity=participant.identity,
            name=participant.name,
            is_telephone=participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
            attributes=participant.attributes,
        )

    @property
    def sip(self) -> dict[str, str]:
        """SIP attributes without their prefix, such as ``callID`` and ``trunkID``; empty for a
        caller without a telephone."""
        return {
            name.removeprefix(SIP_PREFIX): value
            for name, value in self.attributes.items()
            if name.startswith(SIP_PREFIX)
        }

    @property
    def phone_number(self) -> str:
        """The number that the caller calls from; empty where it is unknown or withheld."""
        return self.sip.get("phoneNumber", "")
