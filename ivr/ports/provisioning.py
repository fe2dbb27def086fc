"""What is to be set up on the switch: accounts, trunks, numbers, addresses, and how to write it.

Values are taken as they are here; the adapter refuses every value that its files cannot carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from ivr.domain.errors import TelephonyError
from ivr.domain.ids import E164, Endpoint


class UnsafePlan(TelephonyError):
    """A value of the plan cannot stand in the switch's files; nothing was written."""

    code = "unsafe_plan"


class KeyTones(Enum):
    """How pressed keys travel."""

    RFC4733 = "rfc4733"  # telephone events in the media stream
    INFO = "info"  # SIP INFO
    INBAND = "inband"  # audible tones


class Codec(Enum):
    """Speech encodings, both 64 kbit/s at 8 kHz (G.711)."""

    ULAW = "ulaw"
    ALAW = "alaw"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPhone:
    """An agent's SIP phone; it dials feature codes and nothing else."""

    endpoint: Endpoint
    secret: str = field(repr=False)
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAccount:
    """A caller's softphone; it reaches the site's numbers and always shows its own."""

    endpoint: Endpoint
    secret: str = field(repr=False)
    number: E164


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How we log in at a provider.

    Attributes:
        called_as: What the provider dials when it rings the registration rather than a number:
            one of the inbound spellings. None = the user name.
    """

    username: str
    secret: str = field(repr=False)
    called_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A line to the telephone network.

    Attributes:
        host: Where calls are sent and, with a registration, where we register.
        addresses: IP addresses or networks that calls of this trunk come from. A trunk without a
            registration needs one; a registered one is also known by its registration.
    """

    name: str
    host: str
    port: int = 5060
    registration: Registration | None = None
    addresses: tuple[str, ...] = ()
    key_tones: KeyTones = KeyTones.RFC4733
    codecs: tuple[Codec, ...] = (Codec.ULAW, Codec.ALAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundNumber:
    """A number of the site, and every spelling of it that trunks and callers may dial."""

    number: E164
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerUser:
    """A login to the switch's management interface."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxPlan:
    """Everything that differs between two installations of the switch.

    Attributes:
        sip_address: Where the switch listens for SIP.
        media_address: The address that phones are told to send media to.
        bind_media: Whether media leaves from that address too. False where it is not one of the
            machine's own (behind address translation).
        ami_address: Where the management interface listens.
        ami_permit: The only addresses or networks that may log in there.
        control_user: The controller's login.
        provision_user: The login that may reload generated files, and nothing else.
        agi_address: Host name or address of the controller, as the switch sees it.
        rtp_first_port: First port for media; two ports per leg.
        rtp_last_port: Last port for media.
        music_directory: Folder of music files, as the switch sees it. None = the image's own.
        qualify_seconds: How often an agent's phone is asked whether it is there (2 to 10).
        rtp_timeout_seconds: How long an agent's phone may send no sound in a call (2 to 300) until
            it counts as dead and its leg ends; without limit while it holds the call.
    """

    sip_address: str = "127.0.0.1"
    sip_port: int = 5060
    media_address: str = "127.0.0.1"
    bind_media: bool = True
    ami_address: str = "127.0.0.1"
    ami_port: int = 5038
    ami_permit: tuple[str, ...] = ("127.0.0.1/32",)
    control_user: ManagerUser
    provision_user: ManagerUser
    agi_address: str = "127.0.0.1"
    agi_port: int = 4573
    rtp_first_port: int = 10000
    rtp_last_port: int = 15999
    numbers: tuple[InboundNumber, ...] = ()
    agents: tuple[AgentPhone, ...] = ()
    callers: tuple[CallerAccount, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    music_directory: str | None = None
    qualify_seconds: int = 5
    rtp_timeout_seconds: int = 30


class Provisioner(Protocol):
    """Writes the switch's generated files."""

    def render(self, plan: PbxPlan) -> Mapping[str, str]:
        """The text of every generated file, by file name; pure.

        Raises:
            UnsafePlan: A value cannot stand in the switch's files.
        """
        ...

    def write(self, plan: PbxPlan) -> frozenset[str]:
        """Render, and replace each file that differs, atomically.

        Returns:
            Names of the files that changed.

        Raises:
            UnsafePlan: A value cannot stand in the switch's files; nothing was written.
        """
        ...
