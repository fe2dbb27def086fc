"""UpdateContactAttributes: AWS developer guide, contact-actions-updatecontactattributes."""

from __future__ import annotations

from typing import Literal

from ivr.flow.effects import SetAttributes, ask
from ivr.flow.outcome import Done, Failed
from ivr.flow.parameters import NO_MATCHING_ERROR_ONLY, Branches, Parameters, Phrase
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.CONTACT)


class UpdateContactAttributes(Parameters):
    """Parameters as they stand in the flow document."""

    attributes: dict[Phrase, Phrase]
    target_contact: Literal["Current", "Related"] = "Current"

    def branches(self) -> Branches:
        """Attributes that cannot be set are an error."""
        return NO_MATCHING_ERROR_ONLY


@family.action("UpdateContactAttributes", UpdateContactAttributes)
def update_contact_attributes(params: UpdateContactAttributes) -> Program:
    """Set attributes, all of them or none."""
    done = yield from ask(
        SetAttributes(params.attributes, on_related=params.target_contact == "Related")
    )
    return Done() if done else Failed(reason="the attributes cannot be set")
