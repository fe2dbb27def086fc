"""An agent and a customer who talk on real phones, and what the agent does with quick connects."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from ivr.domain.quick_connect import Party, TransferState
from tests.hearing.tones import AGENT, CUSTOMER, SECOND_AGENT, SILENCE, listen
from tests.house import House
from tests.phones import Answer, Phone
from tests.phones.call import PhoneCall
from tests.quick_connect_tones import differs
from tests.scenes import PATIENCE, hears, inbound_of, rung, talk, waits

OFFICE: Final = "+12025550165"
"""The number of the sample's quick connect to a number."""
_numbers = count(40)


@dataclass
class Talk:
    """Anna and a customer talk; Ben is available."""

    house: House
    contact: str
    customer: PhoneCall
    anna: PhoneCall
    ben_phone: Phone

    async def start(self, quick_connect: str, *, hold: bool = True) -> Any:
        body = {"quick_connect": quick_connect, "hold": hold}
        return await self.house.post(f"/contacts/{self.contact}/transfer", body)

    async def use(self, verb: str) -> Any:
        return await self.house.post(f"/contacts/{self.contact}/transfer/{verb}")

    async def view(self) -> Any:
        return await self.house.get(f"/contacts/{self.contact}/transfer")

    async def comes_to(self, step: str) -> None:
        async def there() -> bool:
            return bool((await self.view())["step"] == step)

        await self.house.until(there, within=PATIENCE, what=f"the quick connect is {step}")

    async def consults(self) -> PhoneCall:
        """Bring Ben in; returns when he and Anna hear each other."""
        self.ben_phone.will(Answer(after=0.2))
        await self.start("Ben")
        ben = await rung(self.ben_phone)
        await self.hear_each_other(self.anna, ben)
        return ben

    async def all_hear(self, state: TransferState, destination: PhoneCall | None) -> None:
        """Wait until the quick connect is in a state, and everybody hears what it promises."""
        calls = {
            Party.CUSTOMER: self.customer,
            Party.SOURCE: self.anna if state is not TransferState.HANDED_OVER else None,
            Party.DESTINATION: destination,
        }
        await self.comes_to(state.value)
        await self.house.until(
            lambda: differs(state, calls) is None,
            within=PATIENCE,
            what=f"all hear what {state.value} promises",
        )

    async def hear_each_other(self, *calls: PhoneCall) -> None:
        """Wait until each of these hears all the others, and nobody else."""
        tones = [self.tone_of(call) for call in calls]
        for call in calls:
            others = [tone for tone in tones if tone != self.tone_of(call)]
            await hears(self.house, call, *others)

    def tone_of(self, call: PhoneCall) -> str:
        if call is self.customer:
            return CUSTOMER
        return AGENT if call is self.anna else SECOND_AGENT


async def a_talk(house: House, anna: Phone, ben: Phone) -> Talk:
    """Have a customer wait and Anna take the call; Ben is available then."""
    caller = house.stranger(f"+120255501{next(_numbers):02}")
    anna.will(Answer(after=0.1))
    customer = await waits(house, caller)
    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, customer)
    await house.status("ben")
    return Talk(house, await inbound_of(house, caller), customer, agent, ben)


def longest_silence(call: PhoneCall, begun: float, ended: float) -> int:
    """The longest silence that a party heard in between, in milliseconds."""
    return listen(call.heard.between(begun, ended)).longest_ms(SILENCE)
