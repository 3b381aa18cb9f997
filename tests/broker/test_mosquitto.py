import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiomqtt import Client, MqttError

from tests.broker.authority import Authority
from tests.broker.client import client, plant, publish, retained
from tests.broker.mosquitto import HOST, Config, Mosquitto, NotRunningError
from tests.broker.ports import free_port, listens
from tests.patience import PATIENCE

StartBroker = Callable[[Config], Awaitable[Mosquitto]]
HELD = {"home/a": b"1"}


async def works(connection: Client) -> bool:
    try:
        async with connection:
            return True
    except MqttError:
        return False


async def test_the_listener_is_its_own(broker: Mosquitto) -> None:
    assert listens(broker.pid, broker.port)
    with socket.create_server((HOST, 0)) as ours:
        assert not listens(broker.pid, ours.getsockname()[1])


async def test_a_taken_port_is_never_mistaken_for_the_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as stranger:
        taken = stranger.getsockname()[1]
        choices = iter([taken, free := free_port()])
        monkeypatch.setattr("tests.broker.mosquitto.free_port", lambda: next(choices))
        async with Mosquitto(tmp_path) as broker:
            assert broker.port == free


async def test_a_wrong_configuration_shows_the_log(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="no_such_option"):
        await Mosquitto(tmp_path, Config(lines=("no_such_option 1",))).start()


async def test_an_ended_broker_leaves_nobody_listening(broker: Mosquitto) -> None:
    broker.stop()
    assert not await works(client(broker))


@pytest.mark.parametrize(("keep_store", "held"), [(True, HELD), (False, {})])
async def test_restart_with_and_without_the_store(broker: Mosquitto, keep_store: bool, held: dict[str, bytes]) -> None:
    await plant(broker, HELD)
    port = broker.port
    await broker.restart(keep_store=keep_store)
    assert broker.port == port
    assert await retained(broker) == held


async def test_the_store_outlives_sigkill(broker: Mosquitto) -> None:
    await plant(broker, HELD)
    await plant(broker, {"home/b": b"2"})  # a second change: mosquitto saves what changed before it
    broker.kill()
    await broker.start()
    assert (await retained(broker)).items() >= HELD.items()


async def test_a_paused_broker_accepts_and_is_silent(broker: Mosquitto) -> None:
    broker.pause()
    with socket.create_connection((HOST, broker.port), timeout=0.2) as connection:
        connection.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        with pytest.raises(TimeoutError):
            connection.recv(4)
        broker.resume()
        connection.settimeout(PATIENCE)
        assert connection.recv(4) == b"\x20\x02\x00\x00"


async def test_passwords_and_acl(start_broker: StartBroker) -> None:
    acl = "user writer\ntopic readwrite #\nuser reader\ntopic read #\n"
    broker = await start_broker(Config(users={"writer": "w", "reader": "r"}, acl=acl))
    assert not await works(client(broker, user=None))
    await publish(broker, "a", "1", retain=True, user="writer")
    await publish(broker, "b", "1", retain=True, user="reader")
    assert await retained(broker) == {"a": b"1"}


async def test_a_reload_reads_the_acl_again(start_broker: StartBroker) -> None:
    broker = await start_broker(Config(users={"bridge": "b"}, acl="user bridge\ntopic readwrite #\n"))
    (broker.log_file.parent / "mosquitto.conf").unlink()
    broker.reload()
    await publish(broker, "a", "1", retain=True, user="bridge")
    assert await retained(broker) == {"a": b"1"}


async def test_tls_websockets_and_unix(start_broker: StartBroker, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, websockets=True, unix=True))
    trusting = authority.context()
    assert await works(client(broker, port=broker.tls_port, tls_context=trusting))
    assert await works(client(broker, port=broker.ws_port, transport="websockets"))
    assert await works(client(broker, port=broker.wss_port, transport="websockets", tls_context=trusting))
    assert await works(Client(str(broker.unix_socket), transport="unix"))


async def test_a_client_certificate_is_asked_for(start_broker: StartBroker, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, require_certificate=True))
    own = authority.context(authority.issue("bridge@example.org"))
    assert await works(client(broker, port=broker.tls_port, tls_context=own))
    without = client(broker, port=broker.tls_port, tls_context=authority.context(), timeout=0.5)
    assert not await works(without)


async def test_an_expired_certificate(start_broker: StartBroker, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, certificate=authority.server(expired=True)))
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        await asyncio.open_connection(HOST, broker.tls_port, ssl=authority.context())


async def test_a_packet_over_the_limit_is_not_acknowledged(start_broker: StartBroker) -> None:
    broker = await start_broker(Config(max_packet_size=100))
    async with client(broker) as connection:
        await connection.publish("a", "x" * 50, qos=1)
        with pytest.raises((MqttError, TimeoutError)):
            async with asyncio.timeout(2):
                await connection.publish("a", "x" * 200, qos=1)


async def test_receive_maximum_is_announced(start_broker: StartBroker) -> None:
    broker = await start_broker(Config(max_inflight=3))
    reader, writer = await asyncio.open_connection(HOST, broker.port)
    writer.write(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")
    assert b"\x21\x00\x03" in await reader.read(100)  # the property of that number, in CONNACK
    writer.close()
