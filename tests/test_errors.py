"""Every sentence a user can meet from the exceptions themselves."""

import pytest

from agent.errors import (
    AgentError,
    LiveKitError,
    LocalError,
    Problem,
    ServiceError,
    SettingsError,
    Violation,
)

VIOLATION = Violation("unknown_parameter", "session.temperature", "Unknown parameter: 'x'.")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ServiceError("api.openai.com", "it does not accept the key", status=401),
            "Realtime service at api.openai.com (401): it does not accept the key",
        ),
        (
            ServiceError("127.0.0.1:1", "Connection refused"),
            "Realtime service at 127.0.0.1:1: Connection refused",
        ),
        (LocalError("No such file: x.wav.", "Give one."), "No such file: x.wav. Give one."),
        (LocalError("No such file: x.wav."), "No such file: x.wav."),
        (
            SettingsError([Problem(VIOLATION, "REALTIME_TEMPERATURE", ".env", "Remove it.")]),
            "REALTIME_TEMPERATURE: Unknown parameter: 'x' (set in .env). Remove it.",
        ),
        (
            SettingsError([Problem(VIOLATION, "", "", "A."), Problem(VIOLATION, "", "", "B.")]),
            "Unknown parameter: 'x'. A.\nUnknown parameter: 'x'. B.",
        ),
    ],
)
def test_sentences(error: AgentError, sentence: str) -> None:
    assert str(error) == sentence


def test_exit_codes() -> None:
    assert SettingsError([]).exit_code == 2
    assert LiveKitError("gone").exit_code == 1


def test_a_problem_as_json_names_where_it_came_from() -> None:
    problem = Problem(VIOLATION, "REALTIME_TEMPERATURE", "environment", "Remove it.")
    assert problem.as_dict() == {
        "code": "unknown_parameter",
        "type": "invalid_request_error",
        "param": "session.temperature",
        "message": "Unknown parameter: 'x'.",
        "setting": "REALTIME_TEMPERATURE",
        "source": "environment",
        "fix": "Remove it.",
        "explanation": "REALTIME_TEMPERATURE: Unknown parameter: 'x' (set in the environment).",
    }
