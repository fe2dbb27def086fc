"""Waiting callbacks: they become due, expire, are listed and are stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ivr.domain.callback import Callback, CallbackResult
from ivr.domain.contact import Contact, ContactState, DisconnectReason
from ivr.domain.errors import NotFound
from ivr.domain.ids import AgentId, ContactId
from ivr.ports.clock import Clock
from ivr.ports.store import Note, Timer, TimerKind
from ivr.service.mailbox import Mailbox
from ivr.service.supervision import keep_doing
from ivr.service.world import World

logger = logging.getLogger(__name__)

S = ContactState
_BECAME_DUE = Note("contact_moved", {"event": "became_due", "to": S.QUEUED.value})
WAITING = (S.SCHEDULED, S.QUEUED, S.WAITING_FOR_RETRY)
SERVED_MEANWHILE = timedelta(minutes=1)
"""A callback that expires while an agent serves it is looked at again after this."""
BETWEEN_OWNERS = timedelta(milliseconds=50)
"""Before a stop that met nobody is tried again."""


@dataclass(frozen=True, slots=True)
class OpenCallback:
    """A callback without a result, with its place in its queue (1 = next; none = not in it)."""

    contact: Contact
    callback: Callback
    place: int | None


async def until_known(clock: Clock, try_once: Callable[[], Awaitable[bool | None]]) -> bool:
    """Try until there is an answer: between two owners of a contact there is none.

    Its session is about to begin then, or has just ended.
    """
    while (known := await try_once()) is None:
        await clock.sleep_until(clock.now() + BETWEEN_OWNERS)
    return known


class Callbacks:
    """Use cases of callbacks that wait, and the pillar that watches the time for them."""

    def __init__(self, world: World, mailbox: Mailbox) -> None:
        self._world = world
        self._mailbox = mailbox

    async def run(self) -> None:
        """Handle every timer when it is due, for ever."""
        await keep_doing(self._world.clock, "timers", self._handle_due_and_wait)

    async def _handle_due_and_wait(self) -> None:
        for timer in await self._world.store.due_timers(now=self._world.clock.now()):
            await self._due(timer)
        next_due = await self._world.store.next_due()
        if next_due is None:
            await self._world.timers.wait()
            return
        async with asyncio.TaskGroup() as group:
            bell = group.create_task(self._world.timers.wait(), name="timer bell")
            alarm = group.create_task(self._world.clock.sleep_until(next_due), name="timer alarm")
            await asyncio.wait({bell, alarm}, return_when=asyncio.FIRST_COMPLETED)
            bell.cancel()
            alarm.cancel()

    async def _due(self, timer: Timer) -> None:
        world, now = self._world, self._world.clock.now()
        match timer.kind:
            case TimerKind.CALLBACK_DUE:
                contact_id = ContactId(timer.subject)
                if not await world.store.callback_due(contact_id, _BECAME_DUE, now=now):
                    await world.store.clear_timer(timer.kind, timer.subject)
            case TimerKind.CALLBACK_EXPIRES:
                await self._expire(ContactId(timer.subject))
            case TimerKind.ACW_ENDS:
                await world.store.end_acw(AgentId(timer.subject), now=now)
                await world.store.clear_timer(timer.kind, timer.subject)
        world.router.ring()

    async def _expire(self, contact_id: ContactId) -> None:
        world, now = self._world, self._world.clock.now()
        ended = await world.store.end_callback(
            contact_id,
            WAITING,
            CallbackResult.EXPIRED,
            None,
            {"disconnected_at": now, "disconnect_reason": DisconnectReason.EXPIRED},
            Note("callback_expired"),
            now=now,
        )
        callback = await world.store.callback(contact_id)
        if ended or callback is None or callback.result is not None:
            await world.store.clear_timer(TimerKind.CALLBACK_EXPIRES, contact_id)
        else:
            await world.store.set_timer(
                Timer(
                    kind=TimerKind.CALLBACK_EXPIRES,
                    subject=contact_id,
                    due_at=now + SERVED_MEANWHILE,
                )
            )

    async def list_open(self) -> Sequence[OpenCallback]:
        """Every callback without a result, in order of place."""
        places: dict[str, int] = {}
        listed = []
        for contact, callback in await self._world.store.open_callbacks():
            place = None
            if contact.state is S.QUEUED:
                place = places[callback.queue_id] = places.get(callback.queue_id, 0) + 1
            listed.append(OpenCallback(contact, callback, place))
        return listed

    async def stop(self, contact_id: ContactId, by: str) -> bool:
        """End a callback: once this returns True nothing is dialled for it any more.

        Args:
            contact_id: The callback contact.
            by: Who stops it, for the journal.

        Returns:
            Whether it was still open.

        Raises:
            NotFound: There is no such callback.
        """
        world = self._world

        async def try_once() -> bool | None:
            callback = await world.store.callback(contact_id)
            if callback is None:
                message = f"no callback {contact_id!r}"
                raise NotFound(message)
            if callback.result is not None:
                return False
            if await self._stop_waiting(contact_id, by) or await self._mailbox.stop(contact_id):
                world.router.ring()
                return True
            return None

        return await until_known(world.clock, try_once)

    async def _stop_waiting(self, contact_id: ContactId, by: str) -> bool:
        now = self._world.clock.now()
        return await self._world.store.end_callback(
            contact_id,
            WAITING,
            CallbackResult.STOPPED,
            None,
            {"disconnected_at": now, "disconnect_reason": DisconnectReason.API},
            Note("callback_stopped", {"by": by}),
            now=now,
        )
