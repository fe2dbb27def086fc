"""TransferContactToQueue and TransferContactToAgent: the two ways a flow gives its contact away.

AWS developer guide, contact-actions-transfercontacttoqueue and -transfercontacttoagent;
administrator guide, transfer-to-agent-block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ivr.flow.effects import EnterQueue, QueueEntry, ask
from ivr.flow.outcome import Ended, Ending, Failed, Outcome
from ivr.flow.parameters import LEAVES_FLOW, Branches, Parameters
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.CONTACT)

OUTCOMES: Final[Mapping[QueueEntry, Outcome]] = {
    QueueEntry.ENTERED: Ended(Ending.QUEUED),
    QueueEntry.FULL: Failed("QueueAtCapacity"),
    QueueEntry.REFUSED: Failed(reason="the contact cannot enter a queue"),
}


class TransferContactToQueue(Parameters):
    """It has no parameters: the working queue is where it goes."""

    def branches(self) -> Branches:
        """Success leaves the flow; what the console writes as NextAction is an error's target."""
        return Branches(
            required=("QueueAtCapacity", "NoMatchingError"), optional=(), next_action=False
        )


@family.action("TransferContactToQueue", TransferContactToQueue)
def transfer_contact_to_queue(_params: TransferContactToQueue) -> Program:
    """Enter the working queue and leave the flow; a full queue changes nothing."""
    return OUTCOMES[(yield from ask(EnterQueue()))]


class TransferContactToAgent(Parameters):
    """It has no parameters: the agent is whom the transfer was asked for."""

    def branches(self) -> Branches:
        """Nothing follows; an agent who cannot be had is no error of the flow."""
        return LEAVES_FLOW


@family.action("TransferContactToAgent", TransferContactToAgent)
def transfer_contact_to_agent(_params: TransferContactToAgent) -> Ended:
    """Leave the flow; the agent is rung by whoever ran it."""
    return Ended(Ending.TO_AGENT)
