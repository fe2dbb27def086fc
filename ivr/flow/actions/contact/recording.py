"""UpdateContactRecordingBehavior: accepted, and without effect as long as nothing is recorded.

AWS developer guide, contact-actions-updatecontactrecordingbehavior.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from ivr.flow.outcome import Done
from ivr.flow.parameters import Branches, Group, Parameters
from ivr.flow.registry import ActionFamily, Needs

family = ActionFamily(Needs.CONTACT)


class RecordingBehavior(Group):
    """Who is recorded; nobody stops a recording."""

    recorded_participants: tuple[Literal["Agent", "Customer"], ...] = ()
    screen_recorded_participants: tuple[Literal["Agent"], ...] = ()
    ivr_recording_behavior: Literal["Enabled", "Disabled"] | None = Field(
        default=None, alias="IVRRecordingBehavior"
    )


class UpdateContactRecordingBehavior(Parameters):
    """Parameters as they stand in the flow document."""

    recording_behavior: RecordingBehavior = RecordingBehavior()
    analytics_behavior: dict[str, Any] | None = None

    def branches(self) -> Branches:
        """Connect refuses an error branch here."""
        return Branches(optional=())

    def oddities(self) -> Iterator[str]:
        """Warn where a recording or an analysis is asked for."""
        behaviour = self.recording_behavior
        if behaviour.recorded_participants or behaviour.ivr_recording_behavior == "Enabled":
            yield "nothing is recorded"
        if behaviour.screen_recorded_participants:
            yield "screens are not recorded"
        if self.analytics_behavior is not None:
            yield "AnalyticsBehavior says nothing here"


@family.action("UpdateContactRecordingBehavior", UpdateContactRecordingBehavior)
def update_contact_recording_behavior(_params: UpdateContactRecordingBehavior) -> Done:
    """Go on; nothing is recorded."""
    return Done()
