"""Is the switch as the controller needs it? Plain findings for ``ivr doctor`` and for tests.

Asked over the second client, so that a defect of the controller's own link cannot hide itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from asterisk.manager import ManagerAuthException, ManagerException

from ivr.domain.ids import Endpoint, LegId
from ivr.ports.telephony import LOST, LiveLeg
from ivr.telephony.dialplan import FIXED_PLACES, Context, Variable, place_named
from ivr.telephony.second_client import TIMEOUT_SECONDS, SecondClient, SecondMessage

OLDEST_ASTERISK: Final = (22, 10)
NEEDED_ACTIONS: Final = (
    "CoreShowChannels",
    "CoreStatus",
    "DeviceStateList",
    "Hangup",
    "Originate",
    "Redirect",
    "Setvar",
)
HEARTBEAT_LIMIT_SECONDS: Final = 60
_PATTERN_PLACES: Final = ("_room-.", "_agi-.")
_CHANNEL: Final = "PJSIP/"
_ABSENT: Final = frozenset({"UNAVAILABLE", "INVALID", "UNKNOWN"})
_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What it was: ``connection``, ``version``, ``permissions``, ``dialplan``,
            ``heartbeat``, ``phone``, ``registration`` or ``legs``.
        ok: Whether it is as it should be.
        words: What was found, for people; no secret and no number.
    """

    subject: str
    ok: bool
    words: str


class SwitchOracle:
    """What the switch itself says, asked synchronously; a context manager.

    Raises:
        ManagerException: On entering, when it cannot be reached or refuses the login.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str,
        secret: str,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._where = (host, port)
        self._login = (username, secret)
        self._client = SecondClient(timeout_seconds=timeout_seconds)

    def __enter__(self) -> Self:
        try:
            self._client.connect(*self._where)
            self._client.login(*self._login)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def version(self) -> str:
        """Asterisk's version."""
        return self._ask("CoreSettings").text("AsteriskVersion")

    def allowed_actions(self) -> frozenset[str]:
        """What this user may do."""
        return frozenset(self._ask("ListCommands").headers)

    def places(self) -> frozenset[str]:
        """The extensions of the context ``places``."""
        answer = self._ask("ShowDialPlan", Context=Context.PLACES)
        return frozenset(event.text("Extension") for event in answer.events)

    def heartbeat_age_seconds(self) -> int | None:
        """How long ago a controller gave its last sign of life, by the switch's own clock."""
        beat, now = self._variable(Variable.HEARTBEAT), self._variable("EPOCH")
        return int(now) - int(beat) if beat.isdigit() and now.isdigit() else None

    def phones(self) -> dict[Endpoint, bool]:
        """Every SIP account and trunk, with whether it is there."""
        return {
            Endpoint(event.text("Device").removeprefix(_CHANNEL)): (
                event.text("State") not in _ABSENT
            )
            for event in self._ask("DeviceStateList").events
            if event.text("Device").startswith(_CHANNEL)
        }

    def registrations(self) -> dict[str, bool]:
        """Every outbound registration, with whether it holds."""
        answer = self._client.send_action({"Action": "PJSIPShowRegistrationsOutbound"})
        return {
            event.text("ObjectName"): event.text("Status") == "Registered"
            for event in answer.events
            if event.text("Event") == "OutboundRegistrationDetail"
        }

    def legs(self) -> list[LiveLeg]:
        """Every leg."""
        return [
            LiveLeg(
                leg_id=LegId(event.text("Uniqueid")),
                place=(
                    place_named(event.text("Exten"))
                    if event.text("Context") == Context.PLACES
                    else None
                ),
                up=event.text("ChannelStateDesc") == "Up",
            )
            for event in self._ask("CoreShowChannels").events
            if event.text("Channel").startswith(_CHANNEL)
        ]

    def _variable(self, name: str) -> str:
        return self._ask("Getvar", Variable=name).text("Value")

    def _ask(self, action: str, **headers: str) -> SecondMessage:
        answer = self._client.send_action({"Action": action, **headers})
        if not answer.ok:
            raise ManagerException(f"{action}: {answer.text('Message')}")
        return answer


def examine(
    host: str,
    port: int,
    *,
    username: str,
    secret: str,
    phones: Iterable[Endpoint] = (),
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Sequence[Finding]:
    """Look at the switch, and say everything that was found.

    Args:
        host: Address of the manager interface.
        port: Its port.
        username: The AMI user of the controller.
        secret: Its secret.
        phones: SIP accounts that should be there.
        timeout_seconds: Longest wait for one answer.
    """
    where = f"{host}:{port}"
    oracle = SwitchOracle(
        host, port, username=username, secret=secret, timeout_seconds=timeout_seconds
    )
    found: list[Finding] = []
    try:
        with oracle:
            found.append(Finding("connection", True, f"the manager interface at {where} answers"))
            for finding in _look(oracle, phones):
                found.append(finding)
    except ManagerAuthException:
        found.append(Finding("connection", False, f"{where} refuses the user {username!r}"))
    except ManagerException as error:
        words = f"asking {where} failed: {_reason(error)}"
        found.append(Finding("connection", False, words))
    return found


def _look(oracle: SwitchOracle, phones: Iterable[Endpoint]) -> Iterator[Finding]:
    yield _version(oracle.version())
    yield _permissions(oracle.allowed_actions())
    yield _dialplan(oracle.places())
    yield _heartbeat(oracle.heartbeat_age_seconds())
    there = oracle.phones()
    for phone in phones:
        yield _phone(phone, there.get(phone))
    for name, holds in sorted(oracle.registrations().items()):
        words = "is registered" if holds else "is not registered at its carrier"
        yield Finding("registration", holds, f"trunk {name} {words}")
    yield _legs(oracle.legs())


def _version(version: str) -> Finding:
    found = _VERSION.search(version)
    ok = found is not None and (int(found[1]), int(found[2])) >= OLDEST_ASTERISK
    needed = ".".join(map(str, OLDEST_ASTERISK))
    words = f"Asterisk {version}" if ok else f"Asterisk {version or '?'}; {needed} is needed"
    return Finding("version", ok, words)


def _permissions(allowed: frozenset[str]) -> Finding:
    missing = [action for action in NEEDED_ACTIONS if action not in allowed]
    if missing:
        return Finding("permissions", False, f"the AMI user may not: {', '.join(missing)}")
    return Finding("permissions", True, "the AMI user may do what the controller needs")


def _dialplan(places: frozenset[str]) -> Finding:
    missing = sorted({*FIXED_PLACES, *_PATTERN_PLACES} - places)
    if missing:
        words = f"the context {Context.PLACES} lacks {', '.join(missing)}"
        return Finding("dialplan", False, words)
    return Finding("dialplan", True, f"the context {Context.PLACES} has every place")


def _heartbeat(age_seconds: int | None) -> Finding:
    if age_seconds is None:
        return Finding("heartbeat", False, "no controller has given a sign of life")
    ok = age_seconds <= HEARTBEAT_LIMIT_SECONDS
    return Finding("heartbeat", ok, f"a controller gave a sign of life {age_seconds} s ago")


def _phone(phone: Endpoint, there: bool | None) -> Finding:
    if there is None:
        return Finding("phone", False, f"{phone} has never registered with the running switch")
    return Finding("phone", there, f"{phone} is {'reachable' if there else 'not reachable'}")


def _legs(legs: Sequence[LiveLeg]) -> Finding:
    lost = sum(1 for leg in legs if leg.up and leg.place in (None, LOST))
    if lost:
        return Finding("legs", False, f"{len(legs)} legs, {lost} of them at no place")
    return Finding("legs", True, f"{len(legs)} legs, each at its place")


def _reason(error: ManagerException) -> str:
    return ", ".join(str(part) for part in error.args if part) or type(error).__name__
