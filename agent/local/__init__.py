"""What runs a call on one machine: livekit-server, the stand-in model, the calling party.

Needs the extra ``local``. Nothing in the worker imports it.
"""
