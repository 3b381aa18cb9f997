"""The files of the page: read and compressed once, and sent as they are."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bridge.entities.german import GERMAN
from bridge.entities.german_meanings import MEANINGS

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page, compressed."""

    kind: str
    compressed: bytes
    tag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "Asset":
        """A file with this name and content."""
        tag = f'"{sha256(content).hexdigest()[:16]}"'
        return cls(_TYPES[name.rpartition(".")[2]], gzip.compress(content, mtime=0), tag)

    def response(self, request: Request, status: int = 200) -> Response:
        """The file; 304 where the browser has it, decompressed for the rare client that wants it so."""
        headers = {"etag": self.tag, "cache-control": "no-cache", "content-type": self.kind, "vary": "accept-encoding"}
        if status == 200 and self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.compressed, status, {**headers, "content-encoding": "gzip"})
        return Response(gzip.decompress(self.compressed), status, headers)


def assets() -> dict[str, Asset]:
    """Every file of the page by its name; `german.js` has the German texts that entities and exports have too."""
    german = b"export const GERMAN = " + orjson.dumps({**GERMAN, **MEANINGS}) + b";\n"
    folder = files("bridge.web") / "static"
    read = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES}
    return {name: Asset.of(name, content) for name, content in {**read, "german.js": german}.items()}
