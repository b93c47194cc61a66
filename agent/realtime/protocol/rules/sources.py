"""Where a rule is known from; the project's facts (standin/facts) have the addresses."""

SPEC = "openai-openapi f85dbe2"
PACKAGE = "openai package 3.52.0"
BETA = "openai package 3.52.0, types/beta/realtime"
AZURE = "Azure's realtime reference for 2025-04-01-preview"
LIVE = "a recorded reply of the service"
