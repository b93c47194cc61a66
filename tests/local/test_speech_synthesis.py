"""The stand-in's voice, its recognizer and its sense of who speaks."""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import LocalError
from agent.local.audio import SERVICE_RATE, is_speech, seconds_of, silence
from agent.local.speech_recognition import PhraseRecognizer
from agent.local.speech_synthesis import VARIANTS, speech
from agent.local.vad import WINDOW_MS, VoiceActivity

PHRASES = (
    "what are your opening hours",
    "I would like to book a table for two",
    "tomorrow at seven in the evening",
    "no, thank you!",
)


def test_every_voice_speaks_and_no_two_are_alike() -> None:
    said = {voice: speech.say("Hello there.", voice=voice) for voice in VARIANTS}
    assert all(is_speech(pcm) for pcm in said.values())
    assert len(set(said.values())) == len(VARIANTS)


def test_speed_is_a_factor() -> None:
    normal = seconds_of(speech.say("one two three four five six"), SERVICE_RATE)
    fast = seconds_of(speech.say("one two three four five six", speed=1.5), SERVICE_RATE)
    assert fast == pytest.approx(normal / 1.5, rel=0.15)


def test_other_languages_and_none() -> None:
    assert is_speech(speech.say("Guten Tag", language="de"))
    with pytest.raises(LocalError, match="no voice for the language 'xx-klingon'"):
        speech.say("nuqneH", language="xx-klingon")


def test_markup_is_not_a_command() -> None:
    assert is_speech(speech.say("<audio src='x'/> hello [[h@loU]]"))


@pytest.mark.parametrize("voice", ["cedar", "marin"])
async def test_known_phrases_are_recognised(voice: str) -> None:
    recognizer = PhraseRecognizer()
    for phrase in PHRASES:
        pcm = silence(0.3, SERVICE_RATE) + speech.say(phrase, voice=voice)
        assert await recognizer.recognize(pcm, SERVICE_RATE, PHRASES) == phrase
    recognizer.close()


async def test_a_word_the_dictionary_lacks_costs_the_other_phrases_nothing() -> None:
    recognizer = PhraseRecognizer()
    phrases = (*PHRASES, "may I speak to Mrs Zyzzqwx please", "Zyzzqwx")
    for phrase in PHRASES:
        assert await recognizer.recognize(speech.say(phrase), SERVICE_RATE, phrases) == phrase
    recognizer.close()


async def test_without_phrases_nothing_is_recognised() -> None:
    recognizer = PhraseRecognizer()
    assert await recognizer.recognize(speech.say("hello"), SERVICE_RATE, ()) is None
    recognizer.close()


def test_voice_activity_follows_speech_whatever_the_pieces() -> None:
    pcm = silence(0.5, SERVICE_RATE) + speech.say(PHRASES[0]) + silence(0.5, SERVICE_RATE)
    whole = VoiceActivity().push(pcm)
    activity = VoiceActivity()
    pieces = [
        p for start in range(0, len(pcm), 998) for p in activity.push(pcm[start : start + 998])
    ]
    assert pieces == pytest.approx(whole, abs=1e-3)
    loud = [index * WINDOW_MS for index, probability in enumerate(whole) if probability > 0.5]
    assert 450 < loud[0] < 750
    assert loud[-1] < len(whole) * WINDOW_MS - 400


def test_noise_is_not_speech() -> None:
    noise = np.random.default_rng(0).integers(-600, 600, 24000).astype(np.int16).tobytes()
    assert max(VoiceActivity().push(noise)) < 0.5
