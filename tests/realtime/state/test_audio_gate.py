"""Only speech leaves: its pre-roll, itself, and a little of its end."""

from __future__ import annotations

from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.state.audio_gate import AudioGate


def gate() -> AudioGate:
    return AudioGate(pre_roll_ms=300, lag_ms=500, keep_ms=100)


def chunks(start: int, count: int) -> list[AudioChunk]:
    return [AudioChunk(f"p{number}", 4800) for number in range(start, start + count)]


def test_silence_stays_here_however_long() -> None:
    held = gate()
    assert [out for chunk in chunks(0, 600) for out in held.push(chunk)] == []


def test_speech_leaves_with_what_was_before_it_and_without_the_silence_after_it() -> None:
    held = gate()
    sent = [out for chunk in chunks(0, 20) for out in held.push(chunk)]
    sent += held.open()
    # p20 to p29 are speech, p30 to p34 the half second after which that is known.
    sent += [out for chunk in chunks(20, 15) for out in held.push(chunk)]
    sent += held.close()
    assert sent == chunks(17, 14)
    assert [out for chunk in chunks(35, 50) for out in held.push(chunk)] == []


def test_two_turns_share_nothing() -> None:
    held = gate()
    sent: list[AudioChunk] = []
    for turn in (0, 100):
        list(held.open())
        sent += [out for chunk in chunks(turn, 10) for out in held.push(chunk)]
        sent += held.close()
        assert not list(held.push(AudioChunk(f"quiet{turn}", 4800)))
    assert len(sent) == len(set(sent))


def test_an_end_without_a_beginning_is_nothing() -> None:
    held = gate()
    list(held.push(AudioChunk("p0", 4800)))
    assert list(held.close()) == []


def test_what_was_heard_can_be_forgotten() -> None:
    held = gate()
    list(held.push(AudioChunk("p0", 4800)))
    held.clear()
    assert list(held.open()) == []
