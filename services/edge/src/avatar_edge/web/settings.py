"""Settings of the page: who may open it, from where, and how many at once."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

import msgspec

from avatar_runtime.settings import ServiceSettings, SettingsError

TOKEN_LENGTH = 16
"""Fewer characters than this could be guessed."""
_ICE = re.compile(r"(stun|turn|turns):(?:([^:@/?\s]+):([^@/?\s]+)@)?([^@:/?\s]+)(:\d{1,5})?(\?transport=(udp|tcp))?")


class IceServer(msgspec.Struct, frozen=True):
    """A STUN or TURN server: its URL without credentials, and those."""

    url: str
    user: str = ""
    password: str = ""


class WebSettings(ServiceSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the page's service can be told. What holds for the calls themselves are the settings of the edge.

    Attributes:
        bind: Address it listens on. Any but a loopback one demands `token`, and `cert` and `key` or `insecure`.
        port: Port it listens on.
        hosts: Names, besides this machine's own, under which browsers may open it.
        token: Secret that the first address opened must carry as ``?token=``; empty: none is asked for.
        insecure: Allow an address other than a loopback one without TLS, as behind a proxy that has it.
        cert: PEM file of the certificate, with its chain.
        key: PEM file of the certificate's private key.
        sessions: Visitors that can have a call at the same time.
        ice: STUN and TURN servers, such as ``stun:HOST:PORT`` or ``turn:USER:PASSWORD@HOST:PORT``. Without any,
            browsers reach it where the network needs no help.
    """

    bind: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8484
    hosts: tuple[str, ...] = ()
    token: str = ""
    insecure: bool = False
    cert: str = ""
    key: str = ""
    sessions: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    ice: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        """Only this machine can reach it."""
        if self.bind == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.bind).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = "localhost" if self.loopback or self.bind in ("0.0.0.0", "::") else self.bind  # noqa: S104 - compared
        return f"{'https' if self.cert else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def check(self) -> None:
        """Raise `SettingsError` for what would be open to others, or could not work."""
        if bool(self.cert) != bool(self.key):
            raise SettingsError("web.cert and web.key belong together: set both, or neither")
        for name, path in (("cert", self.cert), ("key", self.key)):
            if path and not Path(path).is_file():
                raise SettingsError(f"web.{name}: there is no file {path}; name the PEM file")
        if self.token and len(self.token) < TOKEN_LENGTH:
            raise SettingsError(f"web.token is too short: {TOKEN_LENGTH} characters at least, chosen at random")
        for given in self.ice:
            ice_server(given)
        if self.loopback:
            return
        opened = f"web.bind {self.bind} opens the page to other machines"
        if not self.token:
            raise SettingsError(f"{opened}: set web.token to a secret that only those know who may talk to the clone")
        if not self.cert and not self.insecure:
            raise SettingsError(
                f"{opened}: set web.cert and web.key (browsers give no microphone without TLS), "
                "or web.insecure = true behind a proxy that has TLS"
            )


def ice_server(given: str) -> IceServer:
    """The server one of `WebSettings.ice` names; raises `SettingsError`."""
    found = _ICE.fullmatch(given)
    if found is None or (found[1] == "stun") == bool(found[2]):
        raise SettingsError(
            "web.ice holds an entry that is no server: write stun:HOST:PORT, or turn:USER:PASSWORD@HOST:PORT"
        )
    return IceServer(f"{found[1]}:{found[4]}{found[5] or ''}{found[6] or ''}", found[2] or "", found[3] or "")
