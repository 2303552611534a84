"""Who is let in, and what a browser gets by GET: the page, a recording, an archive. Everything else goes by WebSocket.

Three walls. The socket is bound to a loopback address. The first part of every path is a token, new at each start, that
only whoever started the studio was told: another user of the machine does not have it. `Host` must name a loopback
address, and a WebSocket's `Origin` that very host: a page from elsewhere can neither rebind its name to this machine
nor connect from where it is.

The page may load from here alone, may not be framed, and is told to no other site (`HEADERS`).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from urllib.parse import unquote, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from wakeword.errors import WakewordError
from wakeword.studio.export import archive
from wakeword.studio.folder import Folder

SOCKET = "socket"  # the path of the WebSocket
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGES = {  # path -> (package, file, type)
    "": ("wakeword.studio", "studio.html", "text/html"),
    "studio.css": ("wakeword.studio", "studio.css", "text/css"),
    "studio.js": ("wakeword.studio", "studio.js", "text/javascript"),
    "words.js": ("wakeword.studio", "words.js", "text/javascript"),
    "microphone.js": ("wakeword.studio", "microphone.js", "text/javascript"),
    "curves.js": ("wakeword.studio", "curves.js", "text/javascript"),
    "capture.js": ("wakeword.studio", "capture.js", "text/javascript"),
    "page.css": ("wakeword.eval", "page.css", "text/css"),
    "clip.js": ("wakeword.eval", "clip.js", "text/javascript"),
    "uPlot.min.css": ("wakeword.eval", "uPlot.min.css", "text/css"),
    "uPlot.js": ("wakeword.eval", "uPlot.iife.min.js", "text/javascript"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SOUND = re.compile(r"sound/([^/]+)/([a-z]+)/([^/]+)")
_EXPORT = re.compile(r"export/([^/]+)\.zip")


@dataclass(frozen=True)
class Door:
    """One studio's. `token` is the first part of every path."""

    folder: Folder
    token: str

    @classmethod
    def new(cls, folder: Folder) -> Door:
        """With a token that nobody knows."""
        return cls(folder, secrets.token_urlsafe(24))

    def answer(self, request: Request) -> Response | None:
        """What a request gets; None: it may become a WebSocket."""
        host = _only(request.headers, "Host")
        if host is None or _name(host) not in LOOPBACK:
            return _refusal(HTTPStatus.MISDIRECTED_REQUEST, "this page is for this machine alone")
        given, _, path = urlsplit(request.path).path.removeprefix("/").partition("/")
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return _refusal(HTTPStatus.NOT_FOUND, "open the address that `wakeword studio` has printed")
        if path == SOCKET:
            if _only(request.headers, "Origin") != f"http://{host}":
                return _refusal(HTTPStatus.FORBIDDEN, "not from this page")
            return None
        try:
            return self._file(unquote(path))
        except WakewordError as error:
            return _refusal(HTTPStatus.NOT_FOUND, str(error))

    def _file(self, path: str) -> Response:
        if path in PAGES:
            package, name, kind = PAGES[path]
            text = resources.files(package).joinpath("page", name).read_bytes()
            return _response(HTTPStatus.OK, f"{kind}; charset=utf-8", text)
        if found := _SOUND.fullmatch(path):
            sound = self.folder.word(found[1]).sound(found[2], found[3])
            return _response(HTTPStatus.OK, "audio/wav", sound.read_bytes())
        if found := _EXPORT.fullmatch(path):
            packed = archive(self.folder.word(found[1]))
            return _response(HTTPStatus.OK, "application/zip", packed)
        return _refusal(HTTPStatus.NOT_FOUND, "nothing here")


def _only(headers: Headers, name: str) -> str | None:
    """The header's value, if there is exactly one."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None


def _name(host: str) -> str:
    """The host's name without its port: an ssh tunnel may end at another port than ours."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _refusal(status: HTTPStatus, text: str) -> Response:
    return _response(status, "text/plain; charset=utf-8", f"{text}\n".encode())


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(HEADERS)
    headers["Content-Type"], headers["Content-Length"], headers["Connection"] = kind, str(len(body)), "close"
    return Response(status.value, status.phrase, headers, body)
