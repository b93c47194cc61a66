"""What is known of a caller."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from livekit import rtc

from agent.call.caller import Caller


def participant(kind: int, **attributes: str) -> rtc.RemoteParticipant:
    made = SimpleNamespace(identity="id", name="Anna", kind=kind, attributes=attributes)
    return cast(rtc.RemoteParticipant, made)


def test_telephone_caller_has_a_number_and_sip_attributes() -> None:
    attributes = {"sip.phoneNumber": "+15550100", "sip.callID": "SCL_1", "lang": "en"}
    kind = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    caller = Caller.from_participant(participant(kind, **attributes))
    assert caller.is_telephone
    assert caller.phone_number == "+15550100"
    assert caller.sip == {"phoneNumber": "+15550100", "callID": "SCL_1"}


def test_caller_in_a_browser_has_no_number() -> None:
    kind = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
    caller = Caller.from_participant(participant(kind, lang="en"))
    assert caller == Caller("id", "Anna", False, {"lang": "en"})
    assert (caller.is_telephone, caller.phone_number, caller.sip) == (False, "", {})


def test_attributes_of_a_caller_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Caller("id", attributes={"lang": "en"}).attributes["lang"] = "de"  # type: ignore[index]
