"""The HTTP and WebSocket server of the stand-in."""

from __future__ import annotations

import asyncio
import json
import ssl
from functools import partial
from typing import Any, Self

from aiohttp import web

from agent.errors import LocalError
from agent.local.speech_recognition import PhraseRecognizer
from agent.local.standin.client_secrets import ClientSecrets
from agent.local.standin.connection import MAX_FRAME_BYTES, Connection
from agent.local.standin.dialects import DIALECTS, OPENAI_BETA, Dialect
from agent.local.standin.faults import Fault, Faults, faults_by_name, parse_fault, parse_faults
from agent.local.standin.handshake import (
    PROTOCOL,
    ClosedAfterAccept,
    HandshakeRefused,
    HandshakeRequest,
    admit,
)
from agent.local.standin.http_json import read_json
from agent.local.standin.options import StandInOptions
from agent.local.standin.origins import control_guard
from agent.local.standin.recorder import Recorder
from agent.local.standin.rules import schema_of
from agent.local.standin.session import Session
from agent.local.standin.session_config import Config
from agent.local.standin.speech_api import SpeechApi

FAULT_HEADER = "X-Stand-In-Fault"


class StandIn:
    """A running stand-in: ``async with StandIn(options) as server: … server.url``."""

    def __init__(self, options: StandInOptions | None = None) -> None:
        self.options = options or StandInOptions()
        self.port = 0
        self.faults: dict[str, Fault] = faults_by_name(self.options.faults)
        """The faults of all sessions, by name; they may change while the server runs."""
        self.record = Recorder(self.options.log)
        self._secrets = ClientSecrets()
        self._recognizer = PhraseRecognizer() if self.options.recognise else None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:8090``."""
        scheme = "https" if self.options.tls else "http"
        return f"{scheme}://{self.options.host}:{self.port}"

    @property
    def urls(self) -> dict[str, str]:
        """A WebSocket URL for each dialect served."""
        base = self.url.replace("http", "ws", 1)
        served = (DIALECTS[name] for name in self.options.dialects)
        return {each.name: f"{base}{each.path}?{each.example}" for each in served}

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        try:
            site = web.TCPSite(
                self._runner, self.options.host, self.options.port, ssl_context=self._tls()
            )
            await site.start()
        except ssl.SSLError as error:
            await self._runner.cleanup()
            raise LocalError(
                f"The certificate or its key is not PEM ({error.reason}).",
                "Check the files of --tls-cert and --tls-key.",
            ) from None
        except OSError as error:
            await self._runner.cleanup()
            raise LocalError(
                f"The stand-in cannot listen on {self.options.host}:{self.options.port} "
                f"({error.strerror}).",
                "Choose another --port, or 0 for a free one, and check the paths of --tls-cert and "
                "--tls-key.",
            ) from None
        self.port = self._runner.addresses[0][1]
        if self._recognizer is not None and self.options.script is not None:
            self._recognizer.warm(self.options.script.phrases)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._recognizer is not None:
            self._recognizer.close()
        self.record.close()

    def _tls(self) -> ssl.SSLContext | None:
        if self.options.tls is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.options.tls)
        return context

    def _app(self) -> web.Application:
        language = self.options.script.language if self.options.script else "en-us"
        guard = control_guard(self.options.host, self.options.allowed_origins)
        app = web.Application(client_max_size=2**20, middlewares=[guard])
        served = [DIALECTS[name] for name in self.options.dialects]
        for each in served:
            if not each.is_flat:
                issue = partial(self._secrets.issue, each)
                app.router.add_post(f"{each.path}/client_secrets", issue)
        for path in dict.fromkeys(dialect.path for dialect in served):
            here = [dialect for dialect in served if dialect.path == path]
            app.router.add_get(path, partial(self._connect, here))
        app.router.add_post("/v1/audio/speech", SpeechApi(language, self.options.speak).handle)
        app.router.add_get("/sessions", self._sessions)
        app.router.add_get("/faults", self._show_faults)
        app.router.add_post("/faults", self._set_faults)
        return app

    async def _connect(self, served: list[Dialect], request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.options.connect_ms / 1000)
        handshake = HandshakeRequest(request.headers, request.query)
        secret = self._secrets.find(handshake.key)
        if secret is not None:
            handshake = secret.apply_to(handshake)
        beta = OPENAI_BETA in served and (handshake.is_beta or len(served) == 1)
        dialect = OPENAI_BETA if beta else served[0]
        try:
            requested = request.headers.get(FAULT_HEADER) or request.query.get("fault", "")
            faults = Faults(self.faults, faults_by_name(parse_faults(requested)))
        except LocalError as error:
            return web.json_response({"error": {"message": str(error)}}, status=400)
        for status in (401, 503):
            if f"http-{status}" in faults:
                return web.json_response({"error": {"code": str(status)}}, status=status)
        refused: ClosedAfterAccept | None = None
        model = ""
        try:
            model = admit(dialect, handshake, schema_of(dialect.name))
        except HandshakeRefused as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        except ClosedAfterAccept as refusal:
            refused = refusal
        settings = secret.settings if secret is not None else {}
        return await self._serve(request, dialect, model, faults, refused, settings)

    async def _serve(
        self,
        request: web.Request,
        dialect: Dialect,
        model: str,
        faults: Faults,
        refused: ClosedAfterAccept | None,
        settings: Config,
    ) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            max_msg_size=MAX_FRAME_BYTES, compress=False, protocols=(PROTOCOL,)
        )
        await socket.prepare(request)
        latency_ms = self.options.latency_ms
        connection = Connection(socket, self.record, latency_ms=latency_ms)
        session = connection.session = Session(
            dialect=dialect,
            model=model,
            options=self.options,
            recognizer=self._recognizer,
            faults=faults,
            outbox=connection.send,
            hang_up=connection.hang_up,
        )
        session.apply(settings)
        self.record.on_open(session, dict(request.headers))
        if refused is not None:
            session.emit("error", error=refused.refusal.as_error(None))
            connection.hang_up(refused.code, refused.reason)
        else:
            session.emit("session.created", session=session.config)
            _schedule_faults(session, connection)
        try:
            await connection.run()
        finally:
            self.record.on_close(session)
        return socket

    async def _sessions(self, _: web.Request) -> web.Response:
        shown = [record.as_dict() for record in self.record.sessions.values()]
        return web.json_response(shown, dumps=partial(json.dumps, default=str))

    async def _show_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [str(fault) for fault in self.faults.values()]})

    async def _set_faults(self, request: web.Request) -> web.Response:
        """Replace the faults of the server: ``{"faults": ["stall", "slow-first-audio=2000"]}``."""
        try:
            requested: Any = (await read_json(request))["faults"]
            faults = [parse_fault(text) for text in requested]
        except (ValueError, KeyError, TypeError, AttributeError):
            message = 'Send {"faults": ["NAME", "NAME=ARG"]}.'
            return web.json_response({"error": {"message": message}}, status=400)
        except LocalError as error:
            return web.json_response({"error": {"message": str(error)}}, status=400)
        # Change the dictionary in place: running sessions refer to it.
        self.faults.clear()
        self.faults.update(faults_by_name(faults))
        return await self._show_faults(request)


def _schedule_faults(session: Session, connection: Connection) -> None:
    """Schedule the faults that end a connection after a time, and its expiry."""
    loop = asyncio.get_running_loop()
    close, unresponsive = session.fault("close-after-accept"), session.fault("half-open")
    if close is not None:
        loop.call_later(close.amount / 1000, connection.hang_up, 1001, "")
    if unresponsive is not None:
        loop.call_later(unresponsive.amount / 1000, connection.stop_responding)
    session.spawn(_expire(session, session.seconds))


async def _expire(session: Session, seconds: float) -> None:
    await asyncio.sleep(seconds)
    minutes = max(1, round(seconds / 60))
    error = {
        "type": "invalid_request_error",
        "code": "session_expired",
        "message": f"Your session hit the maximum duration of {minutes} minutes.",
        "param": None,
        "event_id": None,
    }
    session.emit("error", error=error)
    session.hang_up(1001, "")
