"""The service's name and address on the local network (mDNS), as Home Assistant looks for it.

`_wyoming._tcp.local.`, instance = the given name, else the machine's address in twelve hex digits. Bound to all
addresses it tells those that others can reach, never 0.0.0.0, and again when they change.
"""

from __future__ import annotations

import asyncio
import uuid
from ipaddress import ip_address
from urllib.parse import urlsplit

import ifaddr
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from wakeword.errors import ConfigError

KIND = "_wyoming._tcp.local."
CHECK_S = 30.0  # chosen: a laptop that changed its network is found again soon enough
MOST_NAME_BYTES = 63  # RFC 6763, 4.1.1


def check_name(name: str) -> str:
    """`name`, or the machine's own for "". Raises `ConfigError` for what cannot be an instance's name."""
    if not name:
        return f"{uuid.getnode():012x}"
    if len(name.encode()) > MOST_NAME_BYTES or not name.isprintable():
        raise ConfigError(f"a name of 1 to {MOST_NAME_BYTES} printable bytes is wanted", where="--zeroconf")
    return name


def reachable(host: str) -> list[str]:
    """The addresses at which others can reach a server bound to `host` (IPv4; a name stays a name's addresses)."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - asked about, not bound to
        return [host]
    found = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
    return sorted(address for address in found if not ip_address(address).is_loopback)


class Discovery:
    """Announces `uri` while it is open."""

    def __init__(self, uri: str, name: str, interfaces: list[str] | None = None) -> None:
        """`interfaces` are the addresses to speak from; None is all. Raises `ConfigError`."""
        parts = urlsplit(uri)
        if parts.scheme != "tcp" or not parts.hostname or not parts.port:
            raise ConfigError("only a tcp:// address can be announced", where=uri)
        self._host, self._port, self._name = parts.hostname, parts.port, check_name(name)
        self._interfaces = interfaces
        self._watch: asyncio.Task[None]

    async def __aenter__(self) -> Discovery:
        self._zeroconf = AsyncZeroconf(interfaces=self._interfaces) if self._interfaces else AsyncZeroconf()
        self._told: AsyncServiceInfo | None = None
        self._watch = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        if self._told:
            await (await self._zeroconf.async_unregister_service(self._told))
        await self._zeroconf.async_close()

    async def _follow(self) -> None:
        """Tell, and tell again when the addresses are others."""
        last: list[str] = []
        while True:
            addresses = reachable(self._host)
            if addresses and addresses != last:
                told = AsyncServiceInfo(
                    KIND, f"{self._name}.{KIND}", port=self._port, parsed_addresses=addresses,
                    server=f"{self._name.replace(' ', '-')}.local.",
                )  # fmt: skip
                if self._told:
                    spoken = await self._zeroconf.async_update_service(told)
                else:
                    spoken = await self._zeroconf.async_register_service(told, allow_name_change=True)
                self._told, last = told, addresses
                await spoken  # the library's first await only begins to speak
            await asyncio.sleep(CHECK_S)
