"""A LiveKit worker that bridges a caller's audio to a Realtime speech model."""
