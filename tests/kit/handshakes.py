"""A service's side of the WebSocket handshake, for servers that are written byte by byte."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from hashlib import sha1


async def handshake(reader: asyncio.StreamReader) -> bytes:
    """The answer that accepts the WebSocket handshake that comes from ``reader``."""
    return accepting(await reader.readuntil(b"\r\n\r\n"))


def accepting(request: bytes) -> bytes:
    (key,) = (
        line.partition(b":")[2].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    digest = sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + b64encode(digest) + b"\r\n\r\n"
    )
