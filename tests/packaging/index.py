"""A package index that stands before the real one and offers, of every package, a version newer than any."""

import hashlib
import io
import threading
import zipfile
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.error import HTTPError
from urllib.request import urlopen

REAL = "https://pypi.org/simple"
NEWER = "9999.0"


def wheel_name(package: str) -> str:
    return f"{package.replace('-', '_')}-{NEWER}-py3-none-any.whl"


def wheel(package: str) -> bytes:
    """A wheel without modules, the same bytes each time."""
    about = f"{package.replace('-', '_')}-{NEWER}.dist-info"
    files = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {NEWER}\nProvides-Extra: toml\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


@cache
def _real_page(package: str) -> bytes:
    with urlopen(f"{REAL}/{package}/") as answer:  # links are absolute, so packages come from where they are
        return bytes(answer.read())


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").partition("/")
        try:
            body = self._page(name) if kind == "simple" else wheel(name.partition("-" + NEWER)[0].replace("_", "-"))
        except HTTPError as error:
            self.send_error(error.code)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if kind == "simple" else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _page(self, package: str) -> bytes:
        digest = hashlib.sha256(wheel(package)).hexdigest()
        link = f'<a href="/newer/{wheel_name(package)}#sha256={digest}">{wheel_name(package)}</a><br/>\n</body>'
        return _real_page(package).replace(b"</body>", link.encode())


class Index:
    """The index, while the context lasts."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
