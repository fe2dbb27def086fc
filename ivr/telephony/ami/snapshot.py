"""What the switch is like now: pure readings of its lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ivr.domain.ids import BridgeId, Endpoint, LegId
from ivr.ports.telephony import LiveLeg
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.ami.translate import LEG_CHANNEL, is_leg_channel, leg_in_room
from ivr.telephony.dialplan import Context, place_named

_UP: Final = "6"
_ABSENT: Final = frozenset({"UNAVAILABLE", "INVALID", "UNKNOWN", ""})


def live_legs(channels: Iterable[SafeMessage]) -> list[LiveLeg]:
    """Every leg, from the list of ``CoreShowChannels``."""
    listed = [channel for channel in channels if channel.name == "CoreShowChannel"]
    bridges = {
        leg_in_room(channel): BridgeId(bridge)
        for channel in listed
        if (bridge := channel.text("BridgeId"))
    }
    return [
        LiveLeg(
            leg_id=LegId(channel.text("Uniqueid")),
            place=(
                place_named(channel.text("Exten"))
                if channel.text("Context") == Context.PLACES
                else None
            ),
            up=channel.text("ChannelState") == _UP,
            bridge=bridges.get(LegId(channel.text("Uniqueid"))),
        )
        for channel in listed
        if is_leg_channel(channel.text("Channel"))
    ]


def reachable_phones(devices: Iterable[SafeMessage]) -> frozenset[Endpoint]:
    """SIP accounts that answer, from the list of ``DeviceStateList``; trunks are among them."""
    return frozenset(
        Endpoint(device.text("Device").removeprefix(LEG_CHANNEL))
        for device in devices
        if device.text("Device").startswith(LEG_CHANNEL) and device.text("State") not in _ABSENT
    )


def started_at(status: SafeMessage) -> str:
    """Since when the switch runs, from ``CoreStatus``; only good for comparing."""
    return f"{status.text('CoreStartupDate')} {status.text('CoreStartupTime')}".strip()
