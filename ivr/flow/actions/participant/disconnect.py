"""DisconnectParticipant: AWS developer guide, participant-actions-disconnectparticipant."""

from __future__ import annotations

from ivr.flow.outcome import Ended, Ending
from ivr.flow.parameters import LEAVES_FLOW, Branches, Parameters
from ivr.flow.registry import ActionFamily, Needs

family = ActionFamily(Needs.PARTICIPANT)


class DisconnectParticipant(Parameters):
    """It has no parameters."""

    def branches(self) -> Branches:
        """Nothing follows."""
        return LEAVES_FLOW


@family.action("DisconnectParticipant", DisconnectParticipant)
def disconnect_participant(_params: DisconnectParticipant) -> Ended:
    """Hang up; where there is no participant the flow just ends."""
    return Ended(Ending.DISCONNECTED)
