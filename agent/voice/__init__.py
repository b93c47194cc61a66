"""Who speaks when, and with which voice: turn detection, the caller's loudness, stored greetings,
text to speech and push to talk."""
