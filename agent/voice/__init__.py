"""Who speaks when, and with which voice.

Pure: ``turn_taking``, ``gate``, ``sentences``. I/O: ``speaker`` (text to speech),
``push_to_talk`` (the client's buttons).
"""
