"""What every kind of test phone offers: its calls, its policy, waiting for what happens to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Self, TypeVar

from tests.phones.deadline import DeadlineMissed, Happenings
from tests.phones.invite import Address, Invite
from tests.phones.policy import Answer, Chooser, Policy
from tests.phones.progress import Call, CallState
from tests.phones.sound import SILENCE, Recording, Sound

SomeCall = TypeVar("SomeCall", bound=Call)


class Handset(ABC, Generic[SomeCall]):
    """One phone, of either kind.

    Attributes:
        name: What reports call it.
        number: Its account name or number.
        server: Where it registers and calls.
        says: What it says in every call from its start; None sends no audio at all.
        calls: All calls so far, either direction.
        invites: All INVITEs for new calls so far, answered or not.
    """

    def __init__(
        self, name: str, *, number: str, server: Address, says: Sound | None = SILENCE
    ) -> None:
        self.name = name
        self.number = number
        self.server = server
        self.says = says
        self.calls: list[SomeCall] = []
        self.invites: list[Invite] = []
        self._policies: list[Policy | Chooser] = [Answer()]
        self._rung: Happenings[SomeCall] = Happenings(f"{name} has not rung")
        self._answered: Happenings[SomeCall] = Happenings(f"{name} has no answered call")
        self._ended: Happenings[SomeCall] = Happenings(f"no call of {name} has ended")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def domain(self) -> str:
        """The server as it stands in a URI."""
        host, port = self.server
        return host if port == 5060 else f"{host}:{port}"

    @abstractmethod
    async def close(self) -> None:
        """Hang up everything and be gone; the registration stays behind."""

    @abstractmethod
    async def register(self, *, within: float = 5.0) -> None:
        """Register.

        Raises:
            DeadlineMissed: The server refused or did not answer.
        """

    @abstractmethod
    async def unregister(self, *, within: float = 5.0) -> None:
        """Take the registration back."""

    @abstractmethod
    def call(self, dialled: str, *, headers: Mapping[str, str] | None = None) -> SomeCall:
        """Call a number or a whole SIP URI; wait with ``await call.answered(within=5)``."""

    def will(self, *policies: Policy | Chooser) -> None:
        """Say what becomes of the next calls: one policy each, the last for all that follow."""
        self._policies = list(policies)

    def _policy_for(self, invite: Invite) -> Policy:
        chosen = self._policies.pop(0) if len(self._policies) > 1 else self._policies[0]
        return chosen(invite) if callable(chosen) else chosen

    def changed(self, call: SomeCall) -> None:
        """Take note of a call's new state (called by the call)."""
        match call.state:
            case CallState.RINGING if call.invite is not None:
                self._rung.put(call)
            case CallState.TALKING:
                self._answered.put(call)
            case CallState.ENDED:
                self._ended.put(call)
            case CallState.NEW | CallState.RINGING:
                pass

    async def ringing(self, within: float) -> SomeCall:
        """The next call that rings here."""
        return await self._rung.next(within)

    async def answered(self, within: float) -> SomeCall:
        """The next call that is answered, here or at the far end."""
        return await self._answered.next(within)

    async def ended(self, within: float) -> SomeCall:
        """The next call that ends."""
        return await self._ended.next(within)

    @property
    def heard(self) -> Recording:
        """What was heard in the latest call.

        Raises:
            DeadlineMissed: There was no call.
        """
        if not self.calls:
            raise DeadlineMissed(f"{self.name} has had no call")
        return self.calls[-1].heard
