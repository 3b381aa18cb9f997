"""Which protocols a port has, to explain a connection that fails without a reason."""

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter, TaskGroup
from contextlib import suppress
from dataclasses import dataclass

_WITHIN = 1.5  # seconds for all together
_LONGEST = 16  # bytes of an answer that are read
# a WebSocket's handshake: any web server answers it, and a broker with WebSockets answers nothing else
_HTTP = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: ZXZjYy1icmlkZ2UgY2hlY2s=\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"  # MQTT 3.1.1, without a client id
_CONNACK = b"\x20"
_ALERTS = ("ALERT", "CERTIFICATE_REQUIRED")  # a TLS server that refuses us
_CERTIFICATE = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")  # of TLS 1.3 and 1.2, without a client's certificate
_ALERT_WITHIN = 0.3  # seconds in which a TLS 1.3 server refuses a client without a certificate, after the handshake


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a port has: `tls` or not, and without TLS, `http` or `mqtt`; `open` where it takes connections."""

    open: bool = False
    http: bool = False
    mqtt: bool = False
    tls: bool = False
    certificate: bool = False
    """It requires a client certificate."""


async def probe(host: str, port: int) -> Spoken:
    """Try HTTP, MQTT and TLS, each on a connection of its own, within 1.5 seconds."""
    async with TaskGroup() as group:
        http = group.create_task(_answer(host, port, _HTTP))
        mqtt = group.create_task(_answer(host, port, _CONNECT))
        tls = group.create_task(_handshake(host, port))
    web, broker = http.result(), mqtt.result()
    return Spoken(
        open=web is not None,
        http=(web or b"").startswith(b"HTTP/"),
        mqtt=(broker or b"").startswith(_CONNACK),
        tls=tls.result() is not None,
        certificate=bool(tls.result()),
    )


async def _answer(host: str, port: int, question: bytes) -> bytes | None:
    """The beginning of the answer, empty where there is none; None where the port takes no connections."""
    found: bytes | None = None
    with suppress(OSError):
        async with asyncio.timeout(_WITHIN):  # its TimeoutError is an OSError
            reader, writer = await asyncio.open_connection(host, port)
            found = b""
            try:
                writer.write(question)
                found = await reader.read(_LONGEST)
            finally:
                writer.transport.abort()
    return found


async def _handshake(host: str, port: int) -> bool | None:
    """Whether TLS requires a client certificate; None where there is no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_WITHIN):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLError as error:
        return _requires_certificate(error) if any(word in (error.reason or "") for word in _ALERTS) else None
    except OSError:
        return None
    return await _is_refused(reader, writer)


async def _is_refused(reader: StreamReader, writer: StreamWriter) -> bool:
    try:
        async with asyncio.timeout(_ALERT_WITHIN):
            await reader.read(_LONGEST)
    except ssl.SSLError as error:
        return _requires_certificate(error)
    except OSError:
        return False
    finally:
        writer.transport.abort()
    return False


def _requires_certificate(error: ssl.SSLError) -> bool:
    return any(word in (error.reason or "") for word in _CERTIFICATE)
