"""A test phone of our own: exact control of every SIP answer, and a witness of every INVITE.

Roles by how it is built: an agent or a caller account has a secret and registers; a caller of a
trunk calls from the trunk's address; a customer is a number on the trunk's line.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from tests.phones.call import PhoneCall
from tests.phones.deadline import DeadlineMissed, deadline
from tests.phones.digest import authorization
from tests.phones.handset import Handset
from tests.phones.invite import Address, Invite
from tests.phones.line import Line, ServerTransaction
from tests.phones.message import Message, request
from tests.phones.policy import Ignore
from tests.phones.sound import SILENCE, Sound


class Phone(Handset[PhoneCall]):
    """One phone of our own.

    Args:
        name: What reports call it.
        number: Its account name or number; without one it takes every call of its line.
        secret: Answers a digest challenge with it; None for a phone known by its address.
        line: A line shared with other phones; without one it opens its own on ``address``.
        server: Where it registers and calls.
        says: What it says in every call; None sends no audio at all.
    """

    def __init__(
        self,
        name: str,
        *,
        number: str = "",
        secret: str | None = None,
        line: Line | None = None,
        address: Address = ("127.0.0.1", 0),
        server: Address = ("127.0.0.1", 5060),
        says: Sound | None = SILENCE,
    ) -> None:
        super().__init__(name, number=number, server=server, says=says)
        self.secret = secret
        self.line = line or Line(*address)
        self.line.attach(self)
        self._own_line = line is None
        self._register_sequence = 0
        self._register_id = secrets.token_hex(12)
        self._tag = secrets.token_hex(4)

    async def close(self) -> None:
        """Hang up everything and leave the line; a line of its own is closed."""
        for call in self.calls:
            call.close()
        self.line.detach(self)
        if self._own_line:
            self.line.close()

    @property
    def contact(self) -> str:
        """Where this phone wants to be reached."""
        return f"sip:{self.number or 'phone'}@{self.line.host}:{self.line.port}"

    # -- registration ----------------------------------------------------------------------------

    async def register(self, *, within: float = 5.0, expires: int = 3600) -> None:
        """Register; it is not renewed by itself.

        Raises:
            DeadlineMissed: The server refused or did not answer.
        """
        async with deadline(within, lambda: f"{self.name} got no answer to its REGISTER"):
            answer = await self._register(expires)
        if answer.status != 200:
            raise DeadlineMissed(f"{self.name} could not register: {answer.start}")

    async def unregister(self, *, within: float = 5.0) -> None:
        """Take the registration back."""
        await self.register(expires=0, within=within)

    async def _register(self, expires: int) -> Message:
        uri = f"sip:{self.domain}"
        answer = await self._send_register(uri, expires)
        if answer.status in {401, 407} and self.secret:
            proxy = answer.status == 407
            credentials = authorization(
                answer["Proxy-Authenticate" if proxy else "WWW-Authenticate"],
                method="REGISTER",
                uri=uri,
                user=self.number,
                secret=self.secret,
            )
            name = "Proxy-Authorization" if proxy else "Authorization"
            answer = await self._send_register(uri, expires, (name, credentials))
        return answer

    async def _send_register(self, uri: str, expires: int, *more: tuple[str, str]) -> Message:
        self._register_sequence += 1
        own = f"<sip:{self.number}@{self.domain}>"
        headers = [
            ("Via", self.line.new_branch()),
            ("Max-Forwards", "70"),
            ("From", f"{own};tag={self._tag}"),
            ("To", own),
            ("Call-ID", self._register_id),
            ("CSeq", f"{self._register_sequence} REGISTER"),
            ("Contact", f"<{self.contact}>;expires={expires}"),
            ("Expires", str(expires)),
            *more,
        ]
        return await self.line.ask(request("REGISTER", uri, headers), self.server)

    # -- calls of its own ------------------------------------------------------------------------

    def call(
        self,
        dialled: str,
        *,
        headers: Mapping[str, str] | None = None,
        caller_id: str | None = None,
        caller_name: str = "",
        withheld: bool = False,
    ) -> PhoneCall:
        """Call a number; wait with ``await call.answered(within=5)``.

        Args:
            dialled: A number or a whole SIP URI.
            headers: Further headers of the INVITE.
            caller_id: The number in From and P-Asserted-Identity; the phone's own by default.
            caller_name: The display name with it.
            withheld: Send an anonymous From, no P-Asserted-Identity, and ``Privacy: id``.
        """
        uri = dialled if dialled.startswith("sip:") else f"sip:{dialled}@{self.domain}"
        number = caller_id if caller_id is not None else self.number
        more = list((headers or {}).items())
        if withheld:
            local = '"Anonymous" <sip:anonymous@anonymous.invalid>'
            more.append(("Privacy", "id"))
        else:
            shown = f'"{caller_name}" ' if caller_name else ""
            local = f"{shown}<sip:{number}@{self.domain}>"
            if caller_id is not None:
                more.append(("P-Asserted-Identity", local))
        call = PhoneCall(self)
        self.calls.append(call)
        call.place(uri, local, tuple(more))
        return call

    # -- calls that come in ----------------------------------------------------------------------

    def incoming(self, transaction: ServerTransaction, invite: Invite) -> None:
        """Take an INVITE for a new call (called by the line)."""
        self.invites.append(invite)
        policy = self._policy_for(invite)
        if isinstance(policy, Ignore):
            return
        call = PhoneCall(self)
        self.calls.append(call)
        call.take(transaction, invite, policy)
