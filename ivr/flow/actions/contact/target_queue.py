"""UpdateContactTargetQueue (Set working queue).

AWS developer guide, contact-actions-updatecontacttargetqueue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import model_validator

from ivr.flow.effects import AgentRef, QueueRef, SetTargetQueue, ask
from ivr.flow.outcome import Done, Failed
from ivr.flow.parameters import (
    NO_MATCHING_ERROR_ONLY,
    Branches,
    Mention,
    MentionKind,
    Parameters,
    Single,
)
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.CONTACT)


class Targeted(Parameters):
    """Parameters that name at most one queue: a queue's own, or an agent's personal one."""

    queue_id: Single | None = None
    agent_id: Single | None = None

    @model_validator(mode="after")
    def _names_one_target(self) -> Self:
        if self.queue_id is not None and self.agent_id is not None:
            message = "QueueId and AgentId exclude each other"
            raise ValueError(message)
        return self

    def target(self) -> QueueRef | AgentRef | None:
        """Answer what is named; none if nothing is."""
        if self.agent_id is not None:
            return AgentRef(self.agent_id)
        return None if self.queue_id is None else QueueRef(self.queue_id)

    def mentions(self) -> Iterator[Mention]:
        """Answer the queue or the agent."""
        yield from self._mention(MentionKind.QUEUE, self.queue_id)
        yield from self._mention(MentionKind.AGENT, self.agent_id)


class UpdateContactTargetQueue(Targeted):
    """Parameters as they stand in the flow document."""

    @model_validator(mode="after")
    def _names_a_target(self) -> Self:
        if self.target() is None:
            message = "QueueId or AgentId must be given"
            raise ValueError(message)
        return self

    def branches(self) -> Branches:
        """A queue that does not exist is an error."""
        return NO_MATCHING_ERROR_ONLY

    def oddities(self) -> Iterator[str]:
        """Warn of an empty name."""
        if "" in (self.queue_id, self.agent_id):
            yield "no queue is named: the error branch is taken"


@family.action("UpdateContactTargetQueue", UpdateContactTargetQueue)
def update_contact_target_queue(params: UpdateContactTargetQueue) -> Program:
    """Set the queue that transfers, callbacks, hours and metrics go by."""
    target = params.target()
    found = target is not None and (yield from ask(SetTargetQueue(target)))
    return Done() if found else Failed(reason="there is no such queue")
