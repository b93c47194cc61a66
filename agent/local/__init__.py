"""The parts that run a call on one machine: livekit-server, the stand-in model and a caller.

They need the extra ``local``. The worker imports nothing from this package.
"""
