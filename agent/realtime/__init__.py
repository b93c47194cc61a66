"""The connection between the livekit plugin and a Realtime service, the lowest package first.

``protocol``    dialects, parameters, audio formats and rules; no state
``state``       what a call and each of its connections know; no I/O, no clock
``validation``  guard, preconditions, response queue and completion; no I/O, no clock
``connection``  endpoints, credentials, sockets, reconnect and rollover
``plugin``      what the plugin holds: the model, its HTTP session and its WebSocket; the tap
"""
