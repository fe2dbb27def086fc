"""``rooms``: what a leg of two who talk costs in our room, beside a plain ``Dial()``.

Asterisk carries all sound in each variant: 50 packets a second in G.711 both ways for each leg.
``native_rtp`` is what it takes for a plain call by itself, packet by packet from socket to socket;
``simple_bridge`` is what it takes when a channel's sound must be read (recording, a key to be
heard); our room is ``softmix``, a mixer for any number of parties, here also at half its pace.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import cpu_seconds, pause, pid_of
from tests.hearing.tones import AGENT, CUSTOMER, listen
from tests.house import ANNA_HERTZ, CUSTOMER_HERTZ, House
from tests.phones import Answer, Phone, tone
from tests.phones.call import PhoneCall
from tests.scenes import PATIENCE

PAIRS: Final = 20
ROUNDS: Final = 3
SECONDS: Final = 8

_CALLED: Final = "+12025558"
_DIALPLAN: Final = f"""
[inbound](+)
exten => _room-XX,1,Goto(places,room-bench${{EXTEN:5}},1)
exten => _forty-XX,1,ConfBridge(bench${{EXTEN:6}},forty,party)
exten => _dial-XX,1,Dial(PJSIP/{_CALLED}0${{EXTEN:5}}@trunk-carrier)
"""
_SLOWER: Final = """
[forty]
type = bridge
internal_sample_rate = 8000
mixing_interval = 40
video_mode = none
"""
ADDITIONS: Final = {
    "extensions.conf": _DIALPLAN,
    "confbridge.conf": _SLOWER,
    "modules.conf": "load = app_dial.so\n",
}
"""What our room is compared with."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A way for two to talk.

    Attributes:
        name: What reports call it.
        technology: How Asterisk then bridges it.
        number: What is called, before the number of the pair.
        dials: Whether Asterisk calls the other phone; else that calls too.
        without: Bridge technologies that Asterisk may not use for it.
    """

    name: str
    technology: str
    number: str
    dials: bool
    without: tuple[str, ...] = ()


ROOM: Final = Variant("room", "softmix", "room-", dials=False)
SLOWER: Final = Variant("room_40_ms", "softmix", "forty-", dials=False)
NATIVE: Final = Variant("native_rtp", "native_rtp", "dial-", dials=True)
SIMPLE: Final = Variant(
    "simple_bridge", "simple_bridge", "dial-", dials=True, without=("native_rtp",)
)
VARIANTS: Final = (ROOM, NATIVE, SIMPLE, SLOWER)
TECHNOLOGIES: Final = frozenset(variant.technology for variant in VARIANTS)


class Rooms:
    """Conversations on one running house; phones are made once."""

    def __init__(self, house: House, pairs: int) -> None:
        self._house, self._pairs = house, pairs
        self._pid = pid_of(house.pbx.name)
        self._customers = self._phones("+12025559", CUSTOMER_HERTZ)
        self._agents = self._phones(_CALLED, ANNA_HERTZ)

    def _phones(self, numbers: str, hertz: int) -> list[Phone]:
        says = tone(hertz)
        phones = [self._house.stranger(f"{numbers}{n:03}", says=says) for n in range(self._pairs)]
        for phone in phones:
            phone.will(Answer())
        return phones

    async def percent(self, variant: Variant, seconds: float) -> float:
        """Asterisk's processor time for each leg, in percent of one core."""
        for name in variant.without:
            await self._house.pbx.console(f"bridge technology suspend {name}")
        calls = [
            call for number in range(self._pairs) for call in await self._talk(variant, number)
        ]
        used = await self._technologies()
        assert used == {variant.technology}, f"{variant} was bridged by {used}"
        begun, before = time.monotonic(), cpu_seconds(self._pid)
        await pause(seconds)
        spent, passed = cpu_seconds(self._pid) - before, time.monotonic() - begun
        for call in calls:
            call.hang_up()
        await self._house.until(self._is_empty, what="all conversations are over")
        for name in variant.without:
            await self._house.pbx.console(f"bridge technology unsuspend {name}")
        return 100 * spent / passed / len(calls)

    async def _talk(self, variant: Variant, number: int) -> tuple[PhoneCall, PhoneCall]:
        dialled = f"{variant.number}{number:02}"
        customer = self._customers[number].call(dialled)
        if not variant.dials:
            self._agents[number].call(dialled)
        agent = await self._agents[number].answered(PATIENCE)
        await customer.answered(PATIENCE)
        for call, voice in ((customer, AGENT), (agent, CUSTOMER)):
            await call.heard.until(
                lambda heard, voice=voice: voice in listen(heard.latest(0.2)).heard(),  # type: ignore[misc]
                within=PATIENCE,
            )
        return customer, agent

    async def _technologies(self) -> Collection[str]:
        shown = await self._house.pbx.console("bridge show all")
        return TECHNOLOGIES.intersection(shown.split())

    async def _is_empty(self) -> bool:
        return "0 active channels" in await self._house.pbx.console("core show channels count")


async def measure(folder: Path, pairs: int = PAIRS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Each variant in turn, again and again; percent of one core for each leg, and ratios.

    Without a controller, which would end calls that it knows nothing of.
    """
    runs: dict[str, list[float]] = {variant.name: [] for variant in VARIANTS}
    async with House(folder, additions=ADDITIONS) as house:
        await house.stop_controller()
        rooms = Rooms(house, pairs)
        for _ in range(rounds):
            for variant in VARIANTS:
                percent = await rooms.percent(variant, SECONDS)
                print(f"rooms    {variant.name:13} {percent:.3f} % of a core per leg")
                runs[variant.name].append(percent)
    medians = {name: statistics.median(each) for name, each in runs.items()}
    figures: dict[str, Any] = {"pairs": pairs, "percent_of_a_core_per_leg": medians, "runs": runs}
    for ours in (ROOM, SLOWER):
        for plain in (NATIVE, SIMPLE):
            ratio = medians[ours.name] / medians[plain.name]
            figures[f"{ours.name}_to_{plain.name}"] = ratio
            print(f"rooms    {ours.name} / {plain.name}: {ratio:.2f}")
    return figures
