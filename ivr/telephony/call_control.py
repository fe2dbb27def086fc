"""Commands to Asterisk and events from it, over one AMI link: implements ``ports.CallControl``.

Every move is one Redirect of one leg. Moves of the same leg wait for each other, and one that
finds the leg still on its way (``Redirect failed, channel not up.``) is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ivr.domain.errors import LegGone, LinkDown, TelephonyError
from ivr.domain.ids import E164, Endpoint, LegId
from ivr.ports.telephony import (
    CallOrder,
    EventSink,
    LiveLeg,
    Place,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
    ToEndpoint,
    ToRoom,
    room,
)
from ivr.telephony.ami import actions, snapshot
from ivr.telephony.ami.connection import Answer
from ivr.telephony.ami.link import AmiLink
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.ami.translate import Dialled, Legs, LegSighting, legs_dialling, read
from ivr.telephony.dialplan import HEARTBEAT_SECONDS, Context, name_of
from ivr.telephony.leg_locks import LegLocks

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 1.0
"""How long the two halves of a leg's fate may be apart."""
MOVE_TRIES: Final = 10
MOVE_PAUSE_SECONDS: Final = 0.02
HANG_UP_TRIES: Final = 20
HANG_UP_PAUSE_SECONDS: Final = 0.05
BOOT_SECONDS: Final = 20.0

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_DIALLED = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_ENDPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
_NOT_UP: Final = "not up"
_ABSENT: Final = ("no such channel", "does not exist")


@dataclass(frozen=True, slots=True)
class TrunkLine:
    """How a trunk is dialled.

    Attributes:
        endpoint: Its name on the switch.
        write: Writes an E.164 number as this trunk wants it.
    """

    endpoint: Endpoint
    write: Callable[[E164], str]


Pause = Callable[[float], Awaitable[object]]


async def _pause(seconds: float) -> None:
    """Let so many seconds pass."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


class AsteriskCallControl:
    """The switch.

    Args:
        host: Address of the manager interface.
        port: Its port.
        username: The AMI user.
        secret: Its secret.
        sink: Takes every event, in order.
        trunks: The lines to the telephone network, by their id.
        pause: Lets seconds pass between two tries of a move.
        epoch: Seconds since 1970 by this machine's clock, which the switch shares.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str,
        secret: str,
        sink: EventSink,
        trunks: Mapping[str, TrunkLine],
        pause: Pause = _pause,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.trunks = trunks
        self._sink = sink
        self._pause = pause
        self._epoch = epoch
        self._link = AmiLink(host, port, username=username, secret=secret, on_event=self._take)
        self._legs = Legs()
        self._locks = LegLocks()
        self._refusals: set[asyncio.Task[None]] = set()
        self._held: list[SafeMessage] | None = []
        self._booted = asyncio.Event()
        self._started_at: str | None = None

    # --- the pillar ---------------------------------------------------------------------------
    async def run(self) -> None:
        """Keep the link, for ever.

        Raises:
            LoginRefused: Asterisk refuses the login for good.
        """
        try:
            while True:
                self._booted.clear()
                self._held = []
                await self._link.open()
                try:
                    await self._serve_session()
                except LinkDown as error:
                    log.warning(
                        "session with the switch lost",
                        extra={"event": "switch_session_lost", "reason": str(error)},
                    )
                    self._link.drop()
        finally:
            self._link.close()

    @property
    def is_up(self) -> bool:
        """Whether the link is ready for commands."""
        return self._link.is_up and self._held is None

    async def _serve_session(self) -> None:
        """Announce the switch, give signs of life while the session lasts, announce its loss."""
        await self._boot()
        status = await self._link.action(actions.core_status())
        channels = await self._ask(actions.core_show_channels())
        await self._beat()
        self._legs.adopt(legs_dialling(channels.events))
        started_at = snapshot.started_at(status.response)
        restarted = self._started_at is not None and started_at != self._started_at
        self._started_at = started_at
        log.info("switch is up", extra={"event": "switch_up", "restarted": restarted})
        held, self._held = self._held or [], None
        try:
            self._emit(SwitchUp(restarted))
            for message in held:
                self._take(message)
            await self._beat_until_lost()
        finally:
            self._held = []
            log.warning("switch is down", extra={"event": "switch_down"})
            self._emit(SwitchDown())

    async def _boot(self) -> None:
        """Wait until every module of the switch runs; it logs people in before that."""
        lost = asyncio.ensure_future(self._link.until_lost())
        booted = asyncio.ensure_future(self._booted.wait())
        try:
            await asyncio.wait(
                {lost, booted}, timeout=BOOT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not booted.done():
                raise LinkDown("the switch does not boot", maybe_done=False)
        finally:
            lost.cancel()
            booted.cancel()

    async def _beat_until_lost(self) -> None:
        while self._link.is_up:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._link.until_lost()
            except TimeoutError:
                await self._beat()

    async def _beat(self) -> None:
        await self._ask(actions.set_heartbeat(int(self._epoch())))

    # --- commands -----------------------------------------------------------------------------
    async def call(self, order: CallOrder) -> None:
        """Make an outbound leg; see the port.

        Raises:
            LinkDown: With ``maybe_done`` true the leg is followed all the same.
            TelephonyError: The leg's name was used before, the number or trunk cannot be dialled,
                or Asterisk did not take the order; nothing was sent.
        """
        self._need_up()
        action = actions.originate(order, self._dial_string(order))
        self._legs.begin(order.leg_id)
        try:
            answer = await self._link.action(action)
        except LinkDown as error:
            if not error.maybe_done:
                self._legs.withdraw(order.leg_id)
            raise
        except TelephonyError:
            self._legs.withdraw(order.leg_id)
            raise
        if not answer.ok:
            self._legs.withdraw(order.leg_id)
            raise TelephonyError(f"the switch took no order: {answer.words}")

    async def move(self, leg_id: LegId, place: Place) -> None:
        """Send a live leg to a place; see the port."""
        self._need_up()
        action = actions.redirect(leg_id, name_of(place))
        async with self._locks.of(leg_id):
            for attempt in range(MOVE_TRIES):
                if attempt:
                    await self._pause(MOVE_PAUSE_SECONDS)
                answer = await self._link.action(action)
                if answer.ok:
                    return
                if _NOT_UP not in answer.words.casefold():
                    break
        if _NOT_UP in answer.words.casefold() or _is_absent(answer):
            raise LegGone(f"leg {leg_id} is not there")
        raise TelephonyError(f"leg {leg_id} cannot be moved: {answer.words}")

    async def hang_up(self, leg_id: LegId) -> None:
        """End a leg; see the port."""
        self._need_up()
        self._legs.cancel(leg_id)
        for attempt in range(HANG_UP_TRIES):
            if attempt:
                await self._pause(HANG_UP_PAUSE_SECONDS)
            answer = await self._link.action(actions.hang_up(leg_id))
            if answer.ok:
                return
            if not _is_absent(answer):
                raise TelephonyError(f"leg {leg_id} cannot be hung up: {answer.words}")
            if not self._legs.is_dialling(leg_id):
                return  # else its order was taken a moment ago, and the channel is still to come

    async def live_legs(self) -> Sequence[LiveLeg]:
        """Every leg on the switch now; see the port."""
        self._need_up()
        return snapshot.live_legs((await self._ask(actions.core_show_channels())).events)

    async def reachable_phones(self) -> frozenset[Endpoint]:
        """SIP accounts that answer now; see the port."""
        self._need_up()
        return snapshot.reachable_phones((await self._ask(actions.device_states())).events)

    # --- events -------------------------------------------------------------------------------
    def _take(self, message: SafeMessage) -> None:
        if message.name == "FullyBooted":
            self._booted.set()
        if self._held is not None:
            self._held.append(message)
            return
        sighting = read(message)
        if sighting is None:
            return
        if isinstance(sighting, Dialled) and self._legs.is_stranger(sighting.leg_id):
            self._refuse(sighting.leg_id)
        for event in self._legs.take(sighting):
            self._emit(event)
        if isinstance(sighting, LegSighting) and self._legs.is_waiting(sighting.leg_id):
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self._decide, sighting.leg_id)

    def _decide(self, leg_id: LegId) -> None:
        if self._held is not None:
            return  # the missing piece may be among what was missed: the store settles it
        for event in self._legs.wait_over(leg_id):
            self._emit(event)

    def _refuse(self, leg_id: LegId) -> None:
        """Hang up a leg that nobody ordered: a called phone has redirected to it."""
        log.warning(
            "a leg that nobody ordered is hung up",
            extra={"event": "stranger_refused", "leg_id": leg_id},
        )
        task = asyncio.get_running_loop().create_task(
            self._hang_up_stranger(leg_id), name=f"refuse {leg_id}"
        )
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)

    async def _hang_up_stranger(self, leg_id: LegId) -> None:
        with suppress(TelephonyError):  # one that answers all the same is ended by the controller
            await self._link.action(actions.hang_up(leg_id))

    def _emit(self, event: SwitchEvent) -> None:
        self._sink(event)

    # --- inside -------------------------------------------------------------------------------
    def _need_up(self) -> None:
        if not self.is_up:
            raise LinkDown("the switch is not reached yet", maybe_done=False)

    async def _ask(self, action: actions.AmiAction) -> Answer:
        answer = await self._link.action(action)
        if not answer.ok:
            raise TelephonyError(f"{action.name}: {answer.words}")
        return answer

    def _dial_string(self, order: CallOrder) -> str:
        """What to dial, built from checked parts only: a ``/`` or ``@`` too many goes elsewhere."""
        if isinstance(order.to, ToRoom):
            place = name_of(room(order.to.contact_id))
            return f"Local/{place}@{Context.PLACES}/n"  # n: never joined into one channel
        if isinstance(order.to, ToEndpoint):
            return f"PJSIP/{_plain_endpoint(order.to.endpoint)}"
        if not _E164.fullmatch(order.to.number):
            raise TelephonyError("not an E.164 number of 7 to 15 digits")
        line = self.trunks.get(order.to.trunk)
        if line is None:
            raise TelephonyError(f"no trunk {order.to.trunk!r}")
        written = line.write(order.to.number)
        if not _DIALLED.fullmatch(written):
            raise TelephonyError(f"trunk {order.to.trunk!r} writes numbers that cannot be dialled")
        return f"PJSIP/{written}@{_plain_endpoint(line.endpoint)}"


def _plain_endpoint(endpoint: Endpoint) -> str:
    if not _ENDPOINT.fullmatch(endpoint):
        raise TelephonyError(f"not an endpoint: {endpoint[:80]!r}")
    return endpoint


def _is_absent(answer: Answer) -> bool:
    return any(words in answer.words.casefold() for words in _ABSENT)
