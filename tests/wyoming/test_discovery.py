"""The service is found on the network by its name, at an address that can be reached."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

pytest.importorskip("zeroconf", reason="needs the library zeroconf: pip install '.[wyoming]'")
from wyoming_bed import run
from zeroconf import IPVersion, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from wakeword.errors import ConfigError
from wakeword.wyoming.discovery import KIND, Discovery, check_name, reachable

HERE = "127.0.0.1"  # multicast stays on the loopback: nothing of a test is announced to anybody


async def found(name: str) -> AsyncServiceInfo:
    """What a program that looks for `name` gets."""
    async with AsyncZeroconf(interfaces=[HERE]) as looking:
        info = AsyncServiceInfo(KIND, f"{name}.{KIND}")
        while not await info.async_request(looking.zeroconf, 1_000):
            pass
        return info


def test_a_service_is_found_by_its_name_with_address_and_port() -> None:
    async def announced() -> AsyncServiceInfo:
        async with Discovery(f"tcp://{HERE}:10400", "kitchen shelf", [HERE]):
            return await found("kitchen shelf")

    info = run(announced())
    assert (info.parsed_addresses(IPVersion.V4Only), info.port) == ([HERE], 10_400)


def test_two_of_one_name_are_told_apart() -> None:
    async def announced() -> list[int | None]:
        async with Discovery(f"tcp://{HERE}:10400", "kitchen", [HERE]):
            await found("kitchen")
            async with Discovery(f"tcp://{HERE}:10401", "kitchen", [HERE]):
                return [(await found("kitchen")).port, (await found("kitchen-2")).port]

    assert run(announced()) == [10_400, 10_401]


def test_it_is_taken_back_at_the_end() -> None:
    async def watched() -> list[tuple[str, ServiceStateChange]]:
        seen: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()

        def changed(zeroconf: object, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            seen.put_nowait((name, state_change))

        async with AsyncZeroconf(interfaces=[HERE]) as looking:
            browser = AsyncServiceBrowser(looking.zeroconf, KIND, handlers=[changed])
            async with Discovery(f"tcp://{HERE}:10400", "hall", [HERE]):
                came = await seen.get()
            gone = await seen.get()
            await browser.async_cancel()
            return [came, gone]

    name = f"hall.{KIND}"
    assert run(watched()) == [(name, ServiceStateChange.Added), (name, ServiceStateChange.Removed)]


def test_bound_to_all_addresses_it_tells_those_that_others_can_reach() -> None:
    told = reachable("0.0.0.0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent; the kernel picks the address towards others
        assert probe.getsockname()[0] in told
    assert not {"0.0.0.0", "127.0.0.1"} & set(told)
    assert reachable("192.0.2.7") == ["192.0.2.7"]


def test_without_a_name_the_machines_address_is_the_name() -> None:
    assert re.fullmatch("[0-9a-f]{12}", check_name(""))


@pytest.mark.parametrize("name", ["x" * 64, "a\nb", "ü" * 32])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a name of 1 to 63 printable bytes"):
        check_name(name)


def test_only_a_network_address_can_be_announced() -> None:
    with pytest.raises(ConfigError, match="only a tcp:// address"):
        Discovery("unix:///run/wake.sock", "x")
