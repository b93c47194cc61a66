"""The connection to a Realtime service.

Pure, without a socket or a clock: ``dialects``, ``parameters``, ``limits``, ``guard``.
I/O: ``io_loop``, ``service_socket``, ``wire``, ``model``.
"""
