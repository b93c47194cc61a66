"""Only speech leaves: its pre-roll, itself, and a little of its end."""

from __future__ import annotations

from agent.voice.audio_gate import AudioGate, Piece


def gate() -> AudioGate:
    return AudioGate(pre_roll_ms=300, lag_ms=500, keep_ms=100)


def pieces(start: int, count: int) -> list[Piece]:
    return [(f"p{number}", 4800) for number in range(start, start + count)]


def test_silence_stays_here_however_long() -> None:
    held = gate()
    assert [out for piece in pieces(0, 600) for out in held.push(piece, 100)] == []


def test_speech_leaves_with_what_was_before_it_and_without_the_silence_after_it() -> None:
    held = gate()
    sent = [out for piece in pieces(0, 20) for out in held.push(piece, 100)]
    sent += held.open()
    # p20 to p29 are speech, p30 to p34 the half second after which that is known.
    sent += [out for piece in pieces(20, 15) for out in held.push(piece, 100)]
    sent += held.close()
    assert sent == pieces(17, 14)
    assert [out for piece in pieces(35, 50) for out in held.push(piece, 100)] == []


def test_two_turns_share_nothing() -> None:
    held = gate()
    sent: list[Piece] = []
    for turn in (0, 100):
        list(held.open())
        sent += [out for piece in pieces(turn, 10) for out in held.push(piece, 100)]
        sent += held.close()
        assert not list(held.push((f"quiet{turn}", 4800), 100))
    assert len(sent) == len(set(sent))


def test_an_end_without_a_beginning_is_nothing() -> None:
    held = gate()
    list(held.push(("p0", 4800), 100))
    assert list(held.close()) == []


def test_what_was_heard_can_be_forgotten() -> None:
    held = gate()
    list(held.push(("p0", 4800), 100))
    held.clear()
    assert list(held.open()) == []
