"""The connection to a Realtime service.

Pure, without a socket or a clock: ``dialects``, ``rules``, ``parameters``, ``complete``,
``conversation``, ``standing``, ``arbiter``, ``echo``, ``guard``, ``endpoint``.
I/O: ``io_loop``, ``service_socket``, ``wire``, ``model``.
"""
