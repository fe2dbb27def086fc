"""What we say to Asterisk's Manager Interface: a pure table of actions."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ivr.domain.ids import LegId
from ivr.ports.telephony import CallOrder, ToRoom
from ivr.telephony.dialplan import Context, PlaceName, Variable, name_of
from ivr.telephony.write_guard import ami_variable

_ORIGINATE: Final = "leg/"
_PLAIN_NUMBER = re.compile(r"[A-Za-z0-9+*#._-]{1,40}", re.ASCII)
_NAME_LIMIT: Final = 80


@dataclass(frozen=True, slots=True)
class AmiAction:
    """One action; ``action_id`` none = any that is free."""

    name: str
    headers: tuple[tuple[str, str], ...] = ()
    action_id: str | None = None


def login(username: str, secret: str) -> AmiAction:
    """Open a session that hears events."""
    return AmiAction("Login", (("Username", username), ("Secret", secret), ("Events", "on")))


def ping() -> AmiAction:
    """Ask for a sign of life."""
    return AmiAction("Ping")


def core_status() -> AmiAction:
    """Ask since when the switch runs."""
    return AmiAction("CoreStatus")


def core_show_channels() -> AmiAction:
    """Ask for every leg."""
    return AmiAction("CoreShowChannels")


def device_states() -> AmiAction:
    """Ask which SIP accounts are there; ``PJSIPShowContacts`` would need more permissions."""
    return AmiAction("DeviceStateList")


def set_heartbeat(epoch_seconds: int) -> AmiAction:
    """Give a sign of life: waiting legs hear a goodbye when it is older than a minute."""
    return AmiAction("Setvar", (("Variable", Variable.HEARTBEAT), ("Value", str(epoch_seconds))))


def redirect(leg_id: LegId, place: PlaceName) -> AmiAction:
    """Send a leg to a place."""
    return AmiAction(
        "Redirect",
        (("Channel", leg_id), ("Context", Context.PLACES), ("Exten", place), ("Priority", "1")),
    )


def hang_up(leg_id: LegId) -> AmiAction:
    """End a leg (Q.850 cause 16, normal clearing)."""
    return AmiAction("Hangup", (("Channel", leg_id), ("Cause", "16")))


def originate(order: CallOrder, dial: str) -> AmiAction:
    """Make a leg.

    ``Async`` always, so that the answer only says that Asterisk took the order. The leg's id is
    the channel's (``ChannelId``) and stands in the action's id, by which ``OriginateResponse`` is
    known: that event's ``Uniqueid`` may be another, live call's.

    Args:
        order: The leg.
        dial: What to dial, as ``dial_string_*`` in ``call_control`` built it.
    """
    variables: list[str] = []
    if not isinstance(order.to, ToRoom):
        variables.append(ami_variable("PJSIP_HEADER(add,X-Contact-Id)", order.contact_id))
    if order.auto_answer:
        variables += [
            ami_variable("PJSIP_HEADER(add,Call-Info)", "<sip:auto>;answer-after=0"),
            ami_variable("PJSIP_HEADER(add,Alert-Info)", "<sip:auto>;info=alert-autoanswer"),
        ]
    if order.keys_codes:
        variables.append(ami_variable(Variable.MENU, Context.CODES))
    headers = (
        ("Channel", dial),
        ("Context", Context.PLACES),
        ("Exten", name_of(order.answer_at)),
        ("Priority", "1"),
        ("Timeout", str(_milliseconds(order.ring))),
        ("CallerID", caller_id(order.caller_number, order.caller_name)),
        ("Async", "true"),
        ("ChannelId", order.leg_id),
        *(("Variable", variable) for variable in variables),
    )
    return AmiAction("Originate", headers, action_id=_ORIGINATE + order.leg_id)


def originated_leg(action_id: str) -> LegId | None:
    """The leg that an ``Originate`` with this action id was for; none if it was no such."""
    if not action_id.startswith(_ORIGINATE):
        return None
    return LegId(action_id.removeprefix(_ORIGINATE))


def caller_id(number: str | None, name: str | None) -> str:
    """What the called phone shows, as Asterisk reads it; empty = anonymous.

    Both may come from the network as they like: a number that is none is left out, and of a name
    only what can be shown is kept.
    """
    if number is None or not _PLAIN_NUMBER.fullmatch(number):
        return ""
    shown = "".join(c for c in name or "" if unicodedata.category(c)[0] != "C")[:_NAME_LIMIT]
    if not shown.strip():
        return f"<{number}>"
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{number}>'


def _milliseconds(duration: timedelta) -> int:
    return max(1, round(duration / timedelta(milliseconds=1)))
