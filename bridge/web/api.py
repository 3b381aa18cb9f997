"""The paths of the page and its API."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from bridge.errors import Refused
from bridge.export.files import export
from bridge.mqtt.message import may_respond
from bridge.settings import Web
from bridge.util.json import parse_json
from bridge.web.assets import assets
from bridge.web.metrics import Metrics
from bridge.web.security import COOKIE, Access, Credentials, Guard, prefix
from bridge.web.view import View, payload_of

EXPORTS = ("openhab", "nodered", "homeassistant")
_MOST_STREAMS = 200
_LONGEST_BODY = 2**17  # bytes
_PIECE = 2**16  # bytes that are handed over at once: so much waits for a slow client, and no more
_SESSION = 30 * 86_400  # seconds


def application(settings: Web, view: View) -> Starlette:
    """The web application."""
    credentials = Credentials(settings)
    pages, api = Pages(credentials), Api(view)
    routes = [
        Route("/", pages.page),
        Route("/login", pages.log_in, methods=["POST"]),
        Route("/logout", pages.log_out, methods=["POST"]),
        Route("/static/{name}", pages.asset),
        Route("/api/topics", api.topics),
        Route("/api/journal", api.journal),
        Route("/api/health", api.health),
        Route("/api/log", api.log),
        Route("/api/stream", api.stream),
        Route("/api/set", api.set, methods=["POST"]),
        Route("/api/exports", api.exports),
        Route("/api/exports/{target}/{path:path}", api.exported),
        Route("/metrics", api.metrics),
        Route("/healthz", api.healthz),
        Route("/readyz", api.readyz),
    ]
    guard = Middleware(Guard, settings=settings, credentials=credentials)
    return Starlette(routes=routes, middleware=[guard], exception_handlers={HTTPException: _failed})


class Pages:
    """The page with its files, and the login."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._assets = assets()

    async def page(self, request: Request) -> Response:
        """`GET /`: the page, or the form for the token."""
        if request.scope.get("access", Access.DENIED) is Access.DENIED:
            return self._assets["login.html"].response(request, 401)
        return self._assets["index.html"].response(request)

    async def asset(self, request: Request) -> Response:
        """`GET /static/…`."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return asset.response(request)

    async def log_in(self, request: Request) -> Response:
        """`POST /login`: a cookie for the right token."""
        token = parse_qs((await _body(request)).decode(errors="replace")).get("token", [""])[0]
        if not self._credentials.accepts(token):
            status = 429 if self._credentials.failures.too_many else 401
            return self._assets["login.html"].response(request, status)
        response = RedirectResponse("./", 303)
        response.set_cookie(
            COOKIE,
            self._credentials.cookie,
            max_age=_SESSION,
            path=f"{prefix(request.headers)}/",
            secure=request.headers.get("x-forwarded-proto") == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    async def log_out(self, request: Request) -> Response:
        """`POST /logout`: the cookie is gone."""
        response = RedirectResponse("./", 303)
        response.delete_cookie(COOKIE, path=f"{prefix(request.headers)}/", httponly=True, samesite="lax")
        return response


class Api:
    """What the page, and any other program, reads and sets."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._metrics = Metrics(view)

    async def topics(self, request: Request) -> Response:
        """`GET /api/topics`: every topic of a site (`?site=`) or of all; `?prefix=`: only those below it."""
        self._view.refresh()
        rows: dict[str, Any] = {}
        for name in self._sites(request):
            rows |= self._view.topics[name].rows(request.query_params.get("prefix", ""))
        return _whole(orjson.dumps(rows), "application/json")

    async def journal(self, request: Request) -> Response:
        """`GET /api/journal`: the last 200 commands."""
        names = self._sites(request)
        return JSONResponse(self._view.journal(names[0] if len(names) == 1 else None))

    async def health(self, request: Request) -> Response:
        """`GET /api/health`: how each site is."""
        name = request.query_params.get("site")
        if name is not None and not self._view.has_site(name):
            raise HTTPException(404, "there is no such site")
        return JSONResponse(self._view.conditions(name))

    async def log(self, _: Request) -> Response:
        """`GET /api/log`: the last 500 lines, each as unix seconds, level and text."""
        return JSONResponse(self._view.lines.after(0))

    async def stream(self, _: Request) -> Response:
        """`GET /api/stream`: server-sent events `hello`, `topics`, `health`, `journal`, `log`."""
        if self._view.readers >= _MOST_STREAMS:
            raise HTTPException(503, f"{_MOST_STREAMS} streams are open already", {"retry-after": "10"})
        return Pieces(self._view.events(), "text/event-stream", {"x-accel-buffering": "no"})

    async def set(self, request: Request) -> Response:
        """`POST /api/set`: carry out a command and give its answer; only with `web.write`."""
        if not self._view.write:
            raise HTTPException(403, "the page may not set anything: web.write (WEB_WRITE) is false")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise HTTPException(415, "takes application/json")
        topic, payload = _command(await _body(request))
        found = self._view.find(topic)
        if found is None:
            raise HTTPException(404, "no site has such a topic")
        site, below = found
        try:
            answer = await site.dispatcher.set(below, payload, "page")
        except Refused as error:
            raise HTTPException(409, str(error)) from None
        return JSONResponse(answer)

    async def exports(self, request: Request) -> Response:
        """`GET /api/exports`: the generated files of each program, with their sizes in bytes."""
        return JSONResponse({target: self._sizes(request, target) for target in EXPORTS})

    async def exported(self, request: Request) -> Response:
        """`GET /api/exports/<program>/<file>`: one of them, to download."""
        target, path = request.path_params["target"], request.path_params["path"]
        content = self._files(request, target).get(path) if target in EXPORTS else None
        if content is None:
            raise HTTPException(404)
        headers = {"content-disposition": f'attachment; filename="{path.rpartition("/")[2]}"'}
        return Response(content, headers=headers, media_type="application/octet-stream")

    async def metrics(self, _: Request) -> Response:
        """`GET /metrics`, for Prometheus."""
        return _whole(self._metrics.text(), self._metrics.content_type)

    async def healthz(self, _: Request) -> Response:
        """`GET /healthz`: 200 while the process works."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """`GET /readyz`: 200 while every site's `status` is `online`, else 503 with the reason."""
        self._view.refresh()
        hindrances = self._view.hindrances()
        return PlainTextResponse("\n".join(hindrances or ["ok"]) + "\n", 503 if hindrances else 200)

    def _sites(self, request: Request) -> list[str]:
        name = request.query_params.get("site")
        if name is None:
            return [*self._view.sites]
        if name not in self._view.sites:
            raise HTTPException(404, "there is no such site")
        return [name]

    def _files(self, request: Request, target: str) -> dict[str, str]:
        for name in self._sites(request):
            site = self._view.sites[name]
            return export(target, site.reader.state, site.settings) if site.reader.state else {}
        return {}

    def _sizes(self, request: Request, target: str) -> dict[str, int]:
        return {path: len(text.encode()) for path, text in self._files(request, target).items()}


def _command(body: bytes) -> tuple[str, bytes]:
    """Topic and payload of `{"topic": …, "value": …}`."""
    try:
        found = parse_json(body.decode())
    except ValueError:
        raise HTTPException(400, "takes JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("topic"), str) or "value" not in found:
        raise HTTPException(400, 'takes {"topic": …, "value": …}')
    if not may_respond(found["topic"].removesuffix("/set")):  # its answer would end the connection to the broker
        raise HTTPException(400, "no topic has such a name")
    payload = payload_of(found["value"])
    if not payload:
        raise HTTPException(400, "a command has a value")
    return found["topic"], payload


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST_BODY:
            raise HTTPException(413, f"at most {_LONGEST_BODY} bytes are read")
    return body


class Pieces(StreamingResponse):
    """A response of which a slow client holds up only a little at a time; its source is closed when the client goes."""

    def __init__(self, contents: AsyncGenerator[bytes], kind: str, headers: Mapping[str, str]) -> None:
        self._pieces = _cut(contents)
        super().__init__(self._pieces, headers=headers, media_type=kind)

    async def stream_response(self, send: Send) -> None:
        """Send everything."""
        async with aclosing(self._pieces):
            await super().stream_response(send)


def _whole(content: bytes, kind: str) -> Pieces:
    return Pieces(_once(content), kind, {"content-length": str(len(content))})


async def _once(content: bytes) -> AsyncGenerator[bytes]:
    yield content


async def _cut(contents: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(contents):
        async for content in contents:
            for start in range(0, len(content), _PIECE):
                yield content[start : start + _PIECE]
                await asyncio.sleep(0)  # a client that reads fast does not keep others waiting


async def _failed(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
