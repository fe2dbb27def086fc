"""E12: conferences on the whole service floor, in virtual time: who stays, who has the controls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import BUSY_ACTIVITIES, AgentActivity
from ivr.domain.contact import Contact, ContactState, DisconnectReason, InitiationMethod
from ivr.domain.errors import NotNow
from ivr.domain.ids import AgentId, ContactId
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Transfer, Verb
from ivr.ports.store import ContactChange
from ivr.ports.telephony import HOLD, Place
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_switch import Moved
from tests.centre import LOCAL, Centre, running_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

CALLER, CUSTOMER, OFFICE = "+12025550160", "+12025550199", "+12025550165"
NAMES = ("anna", "ben", "carla", "dora", "emil")
A, S, R = AgentActivity, TransferState, DisconnectReason


def more_agents(site: dict[str, Any]) -> None:
    for number, name in enumerate(NAMES[2:]):
        agent = {**site["agents"][0], "name": name.title()}
        site["agents"].append(agent)
        code = f"*7{5 + number}"
        site["quick_connects"].append({"name": name.title(), "agent": name, "code": code})
        for queue in site["queues"]:
            queue["quick_connects"].append(name)


@dataclass
class Room:
    """Anna talks with a caller, and everybody else waits to be brought in."""

    centre: Centre
    contact_id: ContactId
    room_id: ContactId
    customer: FakePhone
    agents: dict[str, FakePhone]
    office: FakePhone
    here: set[str] = field(default_factory=lambda: {"customer", "anna"})

    def phone(self, name: str) -> FakePhone:
        if name == "customer":
            return self.customer
        return self.office if name == "office" else self.agents[name]

    # --- what people do -------------------------------------------------------------------------

    async def start(self, name: str, **how: Any) -> None:
        await self.centre.centre.quick_connects.start(self.contact_id, name.capitalize(), **how)

    async def use(self, verb: Verb, **how: Any) -> None:
        await self.centre.centre.quick_connects.use(self.contact_id, verb, **how)

    async def bring(self, *names: str) -> None:
        """Bring somebody in, one after the other, without a hold."""
        for name in names:
            self.phone(name).answers(after=1)
            await self.start(name, hold=False)
            self.here.add(name)
            await self.comes_to(S.JOINED)
            await self.talking_are(*self.here)

    # --- what can be seen -----------------------------------------------------------------------

    async def focus(self) -> Transfer:
        found = await self.centre.store.latest_transfer_of(self.contact_id)
        assert found is not None
        return found

    async def comes_to(self, state: TransferState) -> None:
        async def there() -> bool:
            return (await self.focus()).state is state

        await self.centre.until(there)

    async def talking_are(self, *names: str) -> None:
        """Wait until exactly these are in the room."""
        self.here = set(names)

        def so() -> bool:
            legs = {self.phone(name).leg for name in names}
            return self.centre.switch.talking(self.room_id) == legs

        await self.centre.until(so)

    def where(self, name: str) -> Place | None:
        return self.centre.switch.where(self.phone(name).leg)

    async def view(self) -> dict[str, Any]:
        return dict(await self.centre.centre.quick_connects.view(self.contact_id))

    async def parties(self) -> list[str]:
        return [each["quick_connect"] for each in (await self.view())["parties"]]

    async def contact_of(self, name: str) -> Contact:
        """The latest contact of one who was brought in."""
        for contact in reversed(await self.centre.contacts()):
            transfer = await self.centre.store.transfer(contact.id)
            if transfer is not None and transfer.quick_connect_id == name:
                return contact
        pytest.fail(f"{name} was not brought in")

    async def ends(self, name: str, reason: DisconnectReason) -> None:
        """Wait until the latest contact of one who was brought in has ended, for this reason."""

        async def over() -> bool:
            contact = await self.contact_of(name)
            ended = contact.state is ContactState.ENDED
            return ended and contact.disconnect_reason is reason

        await self.centre.until(over)

    async def source(self) -> Contact:
        found = await self.centre.store.contact(self.contact_id)
        assert found is not None
        return found

    async def is_doing(self, name: str, activity: AgentActivity) -> None:
        await self.centre.until(lambda: self.centre.is_doing(AgentId(name), activity))

    def customer_was_held(self) -> bool:
        leg = self.customer.leg
        return any(
            isinstance(c, Moved) and c.leg_id == leg and c.place == HOLD
            for c in self.centre.switch.commands
        )

    async def controls_are_with(self, name: str) -> None:
        """Wait for the hand-over, and act from now on for the agent who has stayed."""
        await self.comes_to(S.HANDED_OVER)
        self.contact_id = (await self.contact_of(name)).id

    async def all_hang_up(self) -> None:
        """Everybody goes; then no leg, quick connect or contact is left, and agents are free."""
        for phone in (self.customer, *self.agents.values(), self.office):
            if self.centre.switch.is_live(phone.leg):
                phone.hang_up()
        await self.is_over()

    async def is_over(self) -> None:
        centre = self.centre

        async def over() -> bool:
            left = [
                *await centre.switch.live_legs(),
                *await centre.store.open_transfers(),
                *await centre.store.open_contacts(),
            ]
            agents = await centre.store.agents()
            return not left and not [a for a in agents if a.activity in BUSY_ACTIVITIES]

        await centre.until(over)


Scene = Callable[[Room], Awaitable[None]]


def play(folder: Path, scene: Scene, *, callback: bool = False) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder, change=more_agents) as centre:
            agents = {name: centre.switch.phone(f"agent-{name}").answers() for name in NAMES}
            for phone in agents.values():
                phone.plug_in()
            anna = AgentId("anna")
            if callback:
                customer = centre.switch.customer(CUSTOMER).answers()
                await centre.asks_for_callback(CUSTOMER.removeprefix("+1"))
                await centre.becomes(anna)
            else:
                await centre.becomes(anna)
                customer = centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
            await centre.until(lambda: centre.is_doing(anna, A.ON_CONTACT))
            contact = (await centre.contacts())[-1]
            for name in NAMES[1:]:
                await centre.becomes(AgentId(name))
            office = centre.switch.customer(OFFICE).answers(after=2)
            room = Room(centre, contact.id, contact.id, customer, agents, office)
            await room.talking_are("customer", "anna")
            await scene(room)
            await room.all_hang_up()

    run_virtual(main())


# --- who joins ----------------------------------------------------------------------------------


def test_e12_six_talk_together_and_a_seventh_is_refused(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla", "dora")

        assert await room.parties() == ["ben", "office", "carla"]
        seen = await room.view()
        assert (seen["quick_connect"], seen["step"]) == ("dora", "joined")
        assert {(p["state"], p["detail"]) for p in seen["parties"]} == {("connected", "talking")}
        assert [p["agent"] for p in seen["parties"]] == ["ben", None, "carla"]
        with pytest.raises(NotNow, match="6 parties"):
            await room.start("emil")
        await room.talking_are("customer", "anna", "ben", "office", "carla", "dora")
        assert room.phone("emil").calls == []
        assert not room.customer_was_held()
        assert (await room.source()).holds == 0
        for name in ("ben", "office", "carla", "dora"):
            contact = await room.contact_of(name)
            assert contact.initiation is InitiationMethod.TRANSFER
            assert contact.previous_id == contact.initial_id == room.contact_id

    play(tmp_path, scene)


def test_e12_a_queue_may_be_a_party_too(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben")
        for name in NAMES[3:]:
            await room.centre.becomes(AgentId(name), "Offline")
        await room.start("Password reset")
        await room.comes_to(S.JOINED)
        await room.talking_are("customer", "anna", "ben", "carla")
        await room.bring("office")

        assert await room.parties() == ["ben", "password-reset"]

    play(tmp_path, scene)


@pytest.mark.parametrize("by_code", [True, False])
def test_e12_who_is_added_to_a_talk_of_three_never_puts_the_customer_on_hold(
    tmp_path: Path, by_code: bool
) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben")
        room.phone("carla").answers(after=3)
        if by_code:
            room.phone("anna").keys("*75")
        else:
            await room.start("carla", hold=True)

        await room.comes_to(S.ADDING_RINGING)
        await room.talking_are("customer", "anna", "ben")
        await room.talking_are("customer", "anna", "ben", "carla")
        assert not room.customer_was_held()

    play(tmp_path, scene)


@pytest.mark.parametrize("verb", [Verb.HOLD_ALL, Verb.HOLD_CUSTOMER, Verb.HOLD_DESTINATION])
def test_e12_another_begins_only_where_all_talk(tmp_path: Path, verb: Verb) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben")
        await room.use(verb)

        with pytest.raises(NotNow, match="not joined"):
            await room.start("carla")

    play(tmp_path, scene)


def test_e12_verbs_move_the_newest_and_leave_parties_in_the_room(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "carla")

        await room.use(Verb.HOLD_CUSTOMER)
        await room.talking_are("anna", "ben", "carla")
        assert room.where("customer") == HOLD
        await room.use(Verb.HOLD_ALL)
        await room.talking_are("anna", "ben")
        await room.use(Verb.RESUME_CUSTOMER)
        await room.talking_are("customer", "anna", "ben")
        await room.use(Verb.JOIN)
        await room.talking_are("customer", "anna", "ben", "carla")

    play(tmp_path, scene)


# --- who goes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"), [("ben", R.AGENT_DISCONNECT), ("office", R.THIRD_PARTY_DISCONNECT)]
)
def test_e12_a_party_that_hangs_up_is_gone_and_the_rest_stays(
    tmp_path: Path, name: str, reason: DisconnectReason
) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla")

        room.phone(name).hang_up()

        await room.talking_are(*room.here - {name})
        await room.ends(name, reason)
        assert name not in await room.parties()
        if name == "ben":
            await room.is_doing("ben", A.AFTER_CONTACT_WORK)
            await room.is_doing("ben", A.IDLE)
        assert (await room.focus()).quick_connect_id == "carla"

    play(tmp_path, scene)


def test_e12_a_party_is_dropped_by_its_contact(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "carla", "dora")
        ben = await room.contact_of("ben")

        with pytest.raises(NotNow, match="party"):
            await room.use(Verb.LEAVE, party=ben.id)
        with pytest.raises(NotNow, match="no such party"):
            await room.use(Verb.DROP, party=ContactId("nobody"))
        await room.use(Verb.DROP, party=ben.id, key="once")
        await room.use(Verb.DROP, party=ben.id, key="once")

        await room.talking_are("customer", "anna", "carla", "dora")
        await room.is_doing("ben", A.IDLE)
        await room.ends("ben", R.AGENT_DISCONNECT)
        await room.use(Verb.DROP)
        await room.talking_are("customer", "anna", "carla")
        await room.is_doing("dora", A.IDLE)
        await room.bring("ben", "dora")

    play(tmp_path, scene)


@pytest.mark.parametrize("how", ["drops", "hangs up"])
def test_e12_the_newest_party_has_the_controls_when_the_last_is_gone(
    tmp_path: Path, how: str
) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "carla", "dora")
        await room.use(Verb.HOLD_CUSTOMER)

        if how == "drops":
            await room.use(Verb.DROP)
        else:
            room.phone("dora").hang_up()

        await room.talking_are("customer", "anna", "ben", "carla")
        assert (await room.view())["quick_connect"] == "carla"
        assert await room.parties() == ["ben"]
        await room.use(Verb.HOLD_DESTINATION)
        await room.talking_are("customer", "anna", "ben")
        await room.use(Verb.SWAP)
        await room.talking_are("anna", "ben", "carla")

    play(tmp_path, scene)


@pytest.mark.parametrize("how", ["misses", "rejects", "is away", "is cancelled"])
def test_e12_who_does_not_come_gives_the_controls_back(tmp_path: Path, how: str) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben")
        carla = room.phone("carla").rings()
        if how == "rejects":
            carla.rejects(after=2)
        if how == "is away":
            await room.centre.becomes(AgentId("carla"), "Lunch")

        await room.start("carla")
        if how == "is cancelled":
            await room.use(Verb.CANCEL)

        await room.comes_to(S.JOINED)
        assert (await room.view())["quick_connect"] == "ben"
        await room.talking_are("customer", "anna", "ben")
        await room.use(Verb.HOLD_DESTINATION)
        await room.talking_are("customer", "anna")
        assert not room.customer_was_held()

    play(tmp_path, scene)


def test_e12_leave_hands_over_to_the_newest_and_the_others_follow(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla")
        first = room.contact_id
        await room.use(Verb.LEAVE)

        await room.talking_are("customer", "ben", "office", "carla")
        await room.is_doing("anna", A.IDLE)
        source = await room.source()
        assert source.disconnect_reason is R.AGENT_DISCONNECT
        assert (await room.view())["parties"] == []
        await room.controls_are_with("carla")
        assert source.next_id == room.contact_id
        await room.comes_to(S.JOINED)
        assert (await room.view())["quick_connect"] == "office", "the newest of those who stay"
        assert await room.parties() == ["ben"]
        await room.bring("anna", "dora")
        assert room.here == {"customer", "carla", "office", "ben", "anna", "dora"}
        ben = await room.contact_of("ben")
        assert ben.previous_id == first
        await room.use(Verb.DROP, party=ben.id)
        await room.use(Verb.HOLD_DESTINATION)
        await room.talking_are("customer", "carla", "office", "anna")
        await room.use(Verb.LEAVE)
        await room.talking_are("customer", "office", "anna", "dora")

    play(tmp_path, scene)


def test_e12_one_after_the_other_leaves_until_two_talk(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "carla", "office")
        room.phone("anna").hang_up()
        await room.talking_are("customer", "office", "carla", "ben")

        room.office.hang_up()
        await room.talking_are("customer", "carla", "ben")
        await room.ends("office", R.THIRD_PARTY_DISCONNECT)
        await room.controls_are_with("office")
        await room.controls_are_with("carla")
        room.phone("carla").hang_up()
        await room.talking_are("customer", "ben")

        await room.controls_are_with("ben")
        await room.start("dora")
        await room.comes_to(S.CONSULTING)
        assert not await room.parties()

    play(tmp_path, scene)


GOES: dict[str, Callable[[Room], Any]] = {
    "leaves": lambda room: room.use(Verb.LEAVE),
    "hangs up": lambda room: room.phone("anna").hang_up(),
    "is lost": lambda room: room.phone("anna").dies(),
}


@pytest.mark.parametrize("how", GOES)
@pytest.mark.parametrize("fetched", ["carla", "office", "Password reset"])
def test_e12_a_source_who_goes_while_somebody_is_fetched_strands_nobody(
    tmp_path: Path, how: str, fetched: str
) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "dora")
        await room.centre.becomes(AgentId("emil"), "Offline")
        for name in ("carla", "office"):
            room.phone(name).rings()
        await room.start(fetched)
        rings = room.office if fetched == "office" else room.phone("carla")
        await room.centre.until(lambda: rings.leg is not None)

        done = GOES[how](room)
        if isinstance(done, Awaitable):
            await done

        await room.talking_are("customer", "dora", "ben")
        await room.centre.until(lambda: rings.leg is None)
        await room.is_doing("carla", A.IDLE)
        assert not room.customer_was_held()
        assert (await room.focus()).state is S.HANDED_OVER
        await room.controls_are_with("dora")
        await room.use(Verb.HOLD_DESTINATION)
        await room.talking_are("customer", "dora")

    play(tmp_path, scene)


def test_e12_a_source_who_goes_during_a_whisper_strands_nobody(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben")
        await room.start("carla")
        await room.comes_to(S.ADDING_WHISPER)

        room.phone("anna").hang_up()

        await room.talking_are("customer", "ben")
        await room.centre.until(lambda: room.phone("carla").leg is None)
        await room.is_doing("carla", A.IDLE)

    play(tmp_path, scene)


@pytest.mark.parametrize("adding", [True, False])
def test_e12_without_the_customer_parties_are_told_and_go(tmp_path: Path, adding: bool) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla")
        if adding:
            room.phone("dora").rings()
            await room.start("dora")
            await room.centre.until(lambda: room.phone("dora").leg)

        room.customer.hang_up()

        await room.is_doing("ben", A.AFTER_CONTACT_WORK)
        for name in ("ben", "office"):
            await room.centre.until(lambda n=name: room.phone(n).leg is None)  # type: ignore[misc]
            assert any("customer-gone" in each for each in room.phone(name).heard)
            await room.ends(name, R.CUSTOMER_DISCONNECT)
        if adding:
            await room.is_over()
        else:
            await room.talking_are("anna", "carla")
            assert (await room.focus()).state is S.CUSTOMER_GONE

    play(tmp_path, scene)


def test_g2_a_stop_ends_a_conference_for_everybody(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla")

        assert await room.centre.centre.callbacks.stop(room.contact_id, by="test")

        await room.is_over()
        for name in ("ben", "office", "carla"):
            await room.ends(name, R.API)

    play(tmp_path, scene, callback=True)


# --- a session that dies ------------------------------------------------------------------------


def test_e12_who_comes_back_knows_all_parties(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla")

        room.centre.lose_sessions()
        await room.centre.passes(5)

        await room.talking_are("customer", "anna", "ben", "office", "carla")
        assert await room.parties() == ["ben", "office"]
        await room.use(Verb.HOLD_CUSTOMER)
        await room.talking_are("anna", "ben", "office", "carla")
        await room.use(Verb.JOIN)
        await room.use(Verb.DROP, party=(await room.contact_of("ben")).id)
        await room.talking_are("customer", "anna", "office", "carla")
        await room.bring("dora")

    play(tmp_path, scene)


def test_e12_who_comes_back_sees_who_has_gone_meanwhile(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "office", "carla")
        room.centre.switch.cut_link()
        for name in ("ben", "carla", "anna"):
            room.phone(name).hang_up()
        await room.centre.passes(2)

        room.centre.switch.restore_link()

        await room.talking_are("customer", "office")
        for name in ("ben", "carla", "anna"):
            await room.is_doing(name, A.IDLE)

    play(tmp_path, scene)


def test_e12_a_crash_between_the_end_of_one_and_the_next_promotes_it_later(
    tmp_path: Path,
) -> None:
    async def scene(room: Room) -> None:
        await room.bring("ben", "carla")
        room.centre.lose_sessions()
        await room.centre.passes(0)
        over = await room.focus()
        gone = {"disconnect_reason": R.AGENT_DISCONNECT}
        await room.centre.store.move_transfer(
            replace(over, state=S.RETURNED),
            over.state,
            [ContactChange(over.contact_id, ContactState.ENDED, gone)],
            now=room.centre.now(),
        )
        await room.centre.passes(5)

        await room.comes_to(S.JOINED)
        await room.talking_are("customer", "anna", "ben")
        await room.use(Verb.HOLD_DESTINATION)
        await room.talking_are("customer", "anna")

    play(tmp_path, scene)
