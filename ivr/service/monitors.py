"""Supervisors on a contact: they listen to its agent, whisper to them, barge in, or take over.

A supervisor's leg stands beside the contact: it changes nothing about who else hears whom, so a
quick connect goes on as if nobody listened. It follows the agent, and ends with the agent's part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ivr.domain.contact import ContactState
from ivr.domain.errors import LinkDown, NotFound, NotNow, TelephonyError
from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.leg import Role, outbound_leg_id
from ivr.domain.monitor import Monitor, MonitorMode, MonitorVerb
from ivr.ports.store import Note
from ivr.ports.telephony import (
    CallOrder,
    LegAnswered,
    LegEnded,
    LegEvent,
    LegFailed,
    LegStranded,
    LiveLeg,
    Place,
    ToEndpoint,
    coach,
    listen,
    room,
)
from ivr.service.lines import Line
from ivr.service.mailbox import Mailbox, MonitorAsked
from ivr.service.transfer_requests import take_over
from ivr.service.world import World

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession

_MODES = {
    MonitorVerb.LISTEN: MonitorMode.LISTEN,
    MonitorVerb.WHISPER: MonitorMode.WHISPER,
    MonitorVerb.BARGE: MonitorMode.BARGE,
}


@dataclass(slots=True)
class _Post:
    """A supervisor's leg.

    Attributes:
        at: The place it was sent to last.
        up: Whether it has answered.
        dismissed: Whether it was told to end.
    """

    monitor: Monitor
    line: Line
    at: Place | None
    up: bool = False
    dismissed: bool = False


class Monitors:
    """The supervisors of one session's contact."""

    def __init__(self, session: ContactSession) -> None:
        self._s = session
        self._posts: dict[LegId, _Post] = {}

    def __bool__(self) -> bool:
        """Whether anybody supervises."""
        return bool(self._posts)

    async def take_up(self) -> None:
        """Know the supervisors that a predecessor has left; where they are is seen later."""
        for monitor in await self._s.world.store.open_monitors():
            if monitor.contact_id == self._s.id:
                line = self._s.line(monitor.leg_id)
                self._posts[monitor.leg_id] = _Post(monitor, line, at=None)

    # --- requests -------------------------------------------------------------------------------

    async def asked(self, supervisor_id: AgentId, verb: MonitorVerb) -> None:
        """Do what a supervisor asks for.

        Raises:
            NotNow: It is not possible as things stand.
        """
        post = next(
            (p for p in self._posts.values() if p.monitor.supervisor_id == supervisor_id), None
        )
        mode = _MODES.get(verb)
        if post is None:
            if mode is None:
                raise NotNow(f"{supervisor_id} does not supervise this contact")
            await self._begin(supervisor_id, mode)
        elif mode is not None:
            await self._change(post, mode)
        elif verb is MonitorVerb.STOP:
            await self._s.world.switch.hang_up(post.line.leg_id)
        elif not post.up:
            raise NotNow("the supervisor's phone is not answered yet")
        elif self._s.transfer is not None:
            raise NotNow("a quick connect is under way: barge in, or wait until it is over")
        else:
            await self._change(post, MonitorMode.BARGE)
            await take_over(self._s, post.monitor)
            del self._posts[post.line.leg_id]

    async def _begin(self, supervisor_id: AgentId, mode: MonitorMode) -> None:
        s = self._s
        store, site = s.world.store, s.world.site.now
        if s.contact.state is not ContactState.CONNECTED or s.agent is None or s.agent_id is None:
            raise NotNow("only an agent who talks can be supervised")
        if s.agent_id == supervisor_id:
            raise NotNow("nobody supervises themselves")
        number = await store.monitor_count(s.id) + 1
        monitor = Monitor(
            leg_id=outbound_leg_id(s.id, Role.SUPERVISOR, number),
            contact_id=s.id,
            supervisor_id=supervisor_id,
            mode=mode,
            began_at=s.now(),
        )
        supervisor = site.agent(supervisor_id)
        if supervisor.endpoint is None:
            raise NotNow("a supervisor needs a phone of this switch")
        note = Note("monitor_began", {"supervisor": supervisor_id, "mode": mode.value})
        if not await store.begin_monitor(monitor, note):
            raise NotNow("the supervisor is not free")
        place = self._place_of(mode)
        line = s.line(monitor.leg_id)
        line.born = asyncio.get_running_loop().time()
        self._posts[monitor.leg_id] = _Post(monitor, line, at=place)
        order = CallOrder(
            leg_id=monitor.leg_id,
            to=ToEndpoint(endpoint=supervisor.endpoint),
            caller_number=s.contact.customer_number,
            caller_name=f"Supervise {site.agent(s.agent_id).name}",
            ring=site.ring_agent,
            answer_at=place,
            contact_id=s.id,
            auto_answer=supervisor.auto_accept,
        )
        try:
            await s.world.switch.call(order)
        except LinkDown as error:
            if not error.maybe_done:
                await self._over(monitor.leg_id)
            raise
        except TelephonyError:
            await self._over(monitor.leg_id)
            raise

    async def _change(self, post: _Post, mode: MonitorMode) -> None:
        s, monitor = self._s, post.monitor
        if monitor.mode is mode:
            return
        note = Note("monitor_changed", {"supervisor": monitor.supervisor_id, "mode": mode.value})
        if not await s.world.store.set_monitor_mode(monitor.leg_id, mode, note, now=s.now()):
            raise NotNow("the supervision is over")
        post.monitor = replace(monitor, mode=mode)
        await self._put_right(post)

    # --- legs -----------------------------------------------------------------------------------

    async def leg_event(self, event: LegEvent) -> bool:
        """Take an event of a supervisor's leg; whether it was one."""
        post = self._posts.get(event.leg_id)
        if post is None:
            return False
        match event:
            case LegAnswered():
                post.up = True
                await self._put_right(post)  # the mode may have changed while it rang
            case LegFailed() | LegEnded():
                await self._over(event.leg_id)
            case LegStranded():
                await self._s.world.switch.hang_up(event.leg_id)
            case _:
                pass
        return True

    async def follow(self) -> None:
        """Stay with the agent; without one the supervision is over."""
        s = self._s
        for post in list(self._posts.values()):
            if s.contact.state is ContactState.CONNECTED and s.agent is not None:
                await self._put_right(post)
            elif not post.dismissed:
                post.dismissed = True
                await s.world.switch.hang_up(post.line.leg_id)

    async def compare(self, live: Mapping[LegId, LiveLeg]) -> None:
        """Make good what was missed while nobody listened."""
        for post in list(self._posts.values()):
            leg = live.get(post.line.leg_id)
            if leg is not None:
                post.up, post.at = leg.up, leg.place
            elif not post.line.is_newborn():
                await self._over(post.line.leg_id)
        await self.follow()

    def owns(self, leg_id: LegId) -> bool:
        """Whether this is a supervisor's leg."""
        return leg_id in self._posts

    def barging(self) -> list[Line]:
        """Lines of the supervisors who talk in the room."""
        place = room(self._s.contact.talks_in)
        return [post.line for post in self._posts.values() if post.at == place]

    def _place_of(self, mode: MonitorMode) -> Place:
        s = self._s
        if mode is MonitorMode.BARGE or s.agent is None:
            return room(s.contact.talks_in)
        leg_id = s.agent.leg_id
        return listen(leg_id) if mode is MonitorMode.LISTEN else coach(leg_id)

    async def _put_right(self, post: _Post) -> None:
        place = self._place_of(post.monitor.mode)
        if post.up and post.at != place:
            post.at = place
            await post.line.send(self._s.world.switch, place)

    async def _over(self, leg_id: LegId) -> None:
        post = self._posts.pop(leg_id)
        note = Note("monitor_ended", {"supervisor": post.monitor.supervisor_id})
        await self._s.world.store.end_monitor(leg_id, note, now=self._s.now())
        self._s.world.router.ring()


class Supervisors:
    """Use cases of supervisors, from a program."""

    def __init__(self, world: World, mailbox: Mailbox) -> None:
        self._world = world
        self._mailbox = mailbox

    async def ask(self, contact_id: ContactId, supervisor: str, verb: MonitorVerb) -> None:
        """Listen to a contact's agent, whisper, barge in, take the contact over, or stop.

        Args:
            contact_id: The contact.
            supervisor: The id of an agent whom the site lets supervise.
            verb: What to do; a mode calls the supervisor's phone, or changes what it does.

        Raises:
            NotFound: There is no such contact or supervisor.
            NotNow: It is not possible as things stand.
        """
        agent = self._world.site.now.agent(AgentId(supervisor))
        if not agent.supervises:
            raise NotFound(f"agent {supervisor!r} is no supervisor")
        if await self._world.store.contact(contact_id) is None:
            raise NotFound(f"no contact {contact_id!r}")
        if not self._mailbox.is_open(contact_id) or self._mailbox.is_lent(contact_id):
            raise NotNow("nobody serves this contact now")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._mailbox.post(contact_id, MonitorAsked(agent.id, verb, answer))
        await answer

    async def of_contact(self, contact_id: ContactId) -> Sequence[Mapping[str, Any]]:
        """Who supervises a contact now."""
        return [
            {
                "supervisor": monitor.supervisor_id,
                "mode": monitor.mode.value,
                "began_at": monitor.began_at.isoformat(),
            }
            for monitor in await self._world.store.open_monitors()
            if monitor.contact_id == contact_id
        ]
