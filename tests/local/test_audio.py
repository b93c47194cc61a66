"""Sound files, sample rates, and where speech is."""

from pathlib import Path

import pytest

from agent.errors import LocalError
from agent.local.audio import (
    ROOM_RATE,
    SERVICE_RATE,
    dbfs,
    frames,
    is_speech,
    read_audio,
    resample,
    seconds_of,
    silence,
    split_utterances,
    write_wav,
)
from agent.local.speech_synthesis import speech


def test_a_file_written_is_read_at_any_rate(tmp_path: Path) -> None:
    pcm = speech.say("hello")
    write_wav(tmp_path / "a.wav", pcm, SERVICE_RATE)
    assert read_audio(tmp_path / "a.wav", SERVICE_RATE) == pcm
    at_48 = read_audio(tmp_path / "a.wav", ROOM_RATE)
    assert seconds_of(at_48, ROOM_RATE) == pytest.approx(seconds_of(pcm, SERVICE_RATE), abs=0.01)


def test_resampling_keeps_the_length_and_the_loudness() -> None:
    pcm = speech.say("hello")
    there_and_back = resample(resample(pcm, 24000, 48000), 48000, 24000)
    assert seconds_of(there_and_back, 24000) == pytest.approx(seconds_of(pcm, 24000), abs=0.01)
    assert dbfs(there_and_back) == pytest.approx(dbfs(pcm), abs=0.5)


def test_speech_and_silence() -> None:
    assert is_speech(speech.say("hello"))
    assert not is_speech(silence(1, 24000))
    assert not is_speech(b"")


def test_frames_are_padded_to_their_size() -> None:
    assert [len(frame) for frame in frames(bytes(1000), 24000, 10)] == [480, 480, 480]


def test_a_recording_is_cut_at_its_pauses() -> None:
    one, two = speech.say("one"), speech.say("two")
    gap = silence(1, SERVICE_RATE)
    found = split_utterances(gap + one + gap + two + gap, SERVICE_RATE)
    assert len(found) == 2
    assert all(is_speech(pcm[-480:]) for pcm in found)
    assert seconds_of(found[0], SERVICE_RATE) <= seconds_of(one, SERVICE_RATE)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"not a sound", "is not a sound file"), (b"", "is not a sound file")],
)
def test_read_audio_refuses_other_files_in_one_line(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LocalError) as caught:
        read_audio(path, ROOM_RATE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written() -> None:
    with pytest.raises(LocalError, match="cannot be written"):
        write_wav(Path("/nowhere/a.wav"), b"", 24000)
