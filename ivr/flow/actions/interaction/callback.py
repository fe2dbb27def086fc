"""CreateCallbackContact (Transfer to queue, callback tab).

AWS developer guide, interactions-createcallbackcontact; administrator guide, setup-queued-cb.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field

from ivr.flow.actions.contact.target_queue import Targeted
from ivr.flow.effects import CreateCallback, ask
from ivr.flow.outcome import Done, Failed
from ivr.flow.parameters import NO_MATCHING_ERROR_ONLY, Branches, Mention, MentionKind, Single
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.INTEGRATION)

THREE_DAYS_IN_SECONDS: Final = 259_200

MOST_RETRIES: Final = 10
USUAL_LEAST_RETRY_DELAY_SECONDS: Final = 60


class CreateCallbackContact(Targeted):
    """Parameters as they stand in the flow document; without a target it is the working queue."""

    initial_call_delay_seconds: Annotated[int, Field(ge=0, le=THREE_DAYS_IN_SECONDS)] = 0
    maximum_connection_attempts: Annotated[int, Field(ge=0)]
    retry_delay_seconds: Annotated[int, Field(ge=1, le=THREE_DAYS_IN_SECONDS)]
    contact_flow_id: Single | None = None
    caller_id: Single | None = None

    def branches(self) -> Branches:
        """NextAction is success: the call goes on."""
        return NO_MATCHING_ERROR_ONLY

    def oddities(self) -> Iterator[str]:
        """Warn of what a site limits."""
        if self.maximum_connection_attempts > MOST_RETRIES:
            yield f"more than {MOST_RETRIES} retries count as {MOST_RETRIES}"
        if self.retry_delay_seconds < USUAL_LEAST_RETRY_DELAY_SECONDS:
            yield (
                "retries are spaced by the site's least delay, "
                f"{USUAL_LEAST_RETRY_DELAY_SECONDS} s unless set otherwise"
            )

    def mentions(self) -> Iterator[Mention]:
        """Answer queue or agent, creation flow, and caller ID."""
        yield from super().mentions()
        yield from self._mention(MentionKind.FLOW, self.contact_flow_id)
        yield from self._mention(MentionKind.NUMBER, self.caller_id)


@family.action("CreateCallbackContact", CreateCallbackContact)
def create_callback_contact(params: CreateCallbackContact) -> Program:
    """Create a callback; the call it was asked for in goes on."""
    created = yield from ask(
        CreateCallback(
            target=params.target(),
            delay=timedelta(seconds=params.initial_call_delay_seconds),
            maximum_connection_attempts=params.maximum_connection_attempts,
            retry_delay=timedelta(seconds=params.retry_delay_seconds),
            caller_id=params.caller_id,
            creation_flow=params.contact_flow_id,
        )
    )
    return Done() if created else Failed(reason="no callback was created")
