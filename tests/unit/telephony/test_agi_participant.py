"""A leg in hand whose agent keys codes: how long it waits for an answer, and for which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from ivr.domain.errors import LegGone
from ivr.domain.ids import LegId
from ivr.ports.telephony import Entry
from ivr.telephony.agi.errors import AGIHangup
from ivr.telephony.agi.participant import AgiParticipant
from ivr.telephony.agi.reply import Reply
from tests.virtual_time import run_virtual

pytestmark = pytest.mark.unit

LEG = LegId("k1-a1")
ENTRY = Entry(
    script="leg",
    dialled=None,
    caller=None,
    caller_name=None,
    endpoint="anna",
    code=None,
    tries=0,
    keys_codes=True,
)
KEYED = 'EXEC UserEvent "FeatureCode,Leg: k1-a1,Code: *'
SORRY = 'EXEC Playtones "sorry"'
NOTHING = Reply(200, "0", pairs={"endpos": "8000"})

Told = Callable[[AgiParticipant, str], object]


class Leg:
    """A leg whose agent keys codes, one after the other, in a sound; commands take no time.

    Attributes:
        participant: The leg in hand.
        sent: Every command, in order.
        hung_up: Set when the leg is gone.
    """

    def __init__(self, *codes: str, told: Told) -> None:
        self.hung_up = asyncio.Event()
        self.sent: list[str] = []
        self.participant = AgiParticipant(LEG, ENTRY, self)
        self._keys = "".join(codes)
        self._told = told

    async def send_command(self, command: str) -> Reply:
        if self.hung_up.is_set():
            raise AGIHangup("gone")
        self.sent.append(command)
        if command.startswith(KEYED):
            self._told(self.participant, command[len(KEYED) - 1 : -1])
        wants_key = command.startswith("STREAM FILE") or command == "WAIT FOR DIGIT 2000"
        if not wants_key or not self._keys:
            return NOTHING
        key, self._keys = self._keys[0], self._keys[1:]
        return Reply(200, str(ord(key)), pairs={"endpos": "800"})

    def close(self) -> None:
        """End nothing."""


def heard(*codes: str, told: Told) -> tuple[list[str], float]:
    """What a leg was sent while a sound played to it, and how long that took."""

    async def play() -> tuple[list[str], float]:
        leg = Leg(*codes, told=told)
        await leg.participant.play(["welcome"])
        return leg.sent, asyncio.get_running_loop().time()

    return run_virtual(play())


@pytest.mark.parametrize("accepted", [True, False])
def test_a_code_that_did_nothing_is_answered_by_a_tone(accepted: bool) -> None:
    def told(participant: AgiParticipant, code: str) -> None:
        participant.code_answered(code, accepted=accepted)

    sent, took = heard("*1", told=told)

    assert (SORRY in sent) is not accepted
    assert sent[-1] == 'STREAM FILE "welcome" "*" 800', "it goes on where it stopped"
    assert took == 0


def test_an_answer_that_comes_a_little_later_is_waited_for() -> None:
    def told(participant: AgiParticipant, code: str) -> None:
        answer = partial(participant.code_answered, code, accepted=False)
        asyncio.get_running_loop().call_later(0.4, answer)

    sent, took = heard("*1", told=told)

    assert SORRY in sent
    assert took == pytest.approx(0.4)


def test_without_an_answer_it_goes_on_after_a_second() -> None:
    sent, took = heard("*1", told=lambda *_: None)

    assert SORRY not in sent
    assert sent[-1] == 'STREAM FILE "welcome" "*" 800'
    assert took == pytest.approx(1)


def test_an_answer_to_another_code_is_none() -> None:
    def told(participant: AgiParticipant, code: str) -> None:
        if code == "*2":  # the answer to the first one is late
            participant.code_answered("*1", accepted=False)
            participant.code_answered("*2", accepted=True)

    sent, took = heard("*1", "*2", told=told)

    assert [command[-3:-1] for command in sent if command.startswith(KEYED)] == ["*1", "*2"]
    assert SORRY not in sent
    assert took == pytest.approx(1)


def test_an_answer_to_no_code_changes_nothing() -> None:
    async def play() -> list[str]:
        leg = Leg(told=lambda *_: None)
        leg.participant.code_answered("*1", accepted=False)
        await leg.participant.play(["welcome"])
        return leg.sent

    assert run_virtual(play()) == ['STREAM FILE "welcome" "*" 0']


def test_a_leg_that_goes_while_it_waits_is_gone_at_once() -> None:
    async def play() -> float:
        loop = asyncio.get_running_loop()
        leg = Leg("*1", told=lambda *_: loop.call_later(0.3, leg.hung_up.set))
        with pytest.raises(LegGone):
            await leg.participant.play(["welcome"])
        return loop.time()

    assert run_virtual(play()) == pytest.approx(0.3)
