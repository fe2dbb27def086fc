"""An INVITE as its witness."""

from __future__ import annotations

from dataclasses import dataclass

from tests.phones.message import Message, display_of, user_of

Address = tuple[str, int]


@dataclass(slots=True)
class Invite:
    """One INVITE that asked for a new call.

    Attributes:
        message: As it arrived; ``message["P-Asserted-Identity"]`` reads a header.
        at: When (``time.monotonic``).
        copies: How often it arrived; more than 1 if the sender had to repeat it.
    """

    message: Message
    source: Address
    at: float
    copies: int = 1

    @property
    def call_id(self) -> str:
        return self.message["Call-ID"]

    @property
    def dialled(self) -> str:
        """The number or name that the Request-URI asks for."""
        return user_of(self.message.uri)

    @property
    def caller_number(self) -> str:
        """The user of From."""
        return user_of(self.message["From"])

    @property
    def caller_name(self) -> str:
        """The display name of From."""
        return display_of(self.message["From"])

    @property
    def asserted_number(self) -> str:
        """The user of P-Asserted-Identity; empty without that header."""
        return user_of(self.message["P-Asserted-Identity"])

    @property
    def asserted_name(self) -> str:
        """The display name of P-Asserted-Identity."""
        return display_of(self.message["P-Asserted-Identity"])

    def header(self, name: str) -> str:
        """The first header of this name, or the empty string."""
        return self.message[name]
