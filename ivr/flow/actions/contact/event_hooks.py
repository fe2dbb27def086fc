"""UpdateContactEventHooks: set the flow of a whisper, of hold, of the queue, or turn it off.

AWS developer guide, contact-actions-updatecontacteventhooks; ``EventHooksConfiguration`` is
written by the console only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Self

from pydantic import Field, model_validator

from ivr.flow.effects import Hook, SetHook, ask
from ivr.flow.outcome import Done, Failed
from ivr.flow.parameters import (
    NO_MATCHING_ERROR_ONLY,
    Branches,
    Group,
    Mention,
    MentionKind,
    Parameters,
    Single,
)
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.CONTACT)

HOOKS: Final[Mapping[str, Hook]] = {hook.value: hook for hook in Hook}

CLOUD_HOOKS: Final = frozenset(
    {"DefaultAgentUI", "DisconnectAgentUI", "PauseContact", "ResumeContact"}
)
"""Hooks that only Connect has; setting one succeeds and changes nothing."""

WHISPERS: Final = frozenset({Hook.AGENT_WHISPER.value, Hook.CUSTOMER_WHISPER.value})


class HookConfiguration(Group):
    """Whether a whisper is turned off."""

    disable_execution: bool = False


class UpdateContactEventHooks(Parameters):
    """Parameters as they stand in the flow document."""

    event_hooks: dict[str, Single] = Field(default_factory=dict)
    event_hooks_configuration: dict[str, HookConfiguration] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_one_hook(self) -> Self:
        names = self.event_hooks.keys() | self.event_hooks_configuration.keys()
        if len(names) != 1:
            message = "exactly one hook must be given"
            raise ValueError(message)
        if unknown := names - HOOKS.keys() - CLOUD_HOOKS:
            message = f"there is no hook {', '.join(sorted(unknown))}"
            raise ValueError(message)
        if not self.event_hooks_configuration.keys() <= WHISPERS:
            message = "EventHooksConfiguration is for whispers"
            raise ValueError(message)
        return self

    @property
    def hook(self) -> str:
        """Name of the hook that is set."""
        return next(iter(self.event_hooks or self.event_hooks_configuration))

    @property
    def disabled(self) -> bool:
        """Whether the hook is turned off."""
        return any(hook.disable_execution for hook in self.event_hooks_configuration.values())

    def branches(self) -> Branches:
        """A flow that does not exist is an error."""
        return NO_MATCHING_ERROR_ONLY

    def oddities(self) -> Iterator[str]:
        """Warn of a setting that changes nothing."""
        if self.hook in CLOUD_HOOKS:
            yield f"{self.hook} exists in the cloud only: it is set and never runs"
        if not self.event_hooks and not self.disabled:
            yield f"no flow is named for {self.hook}: nothing changes"

    def mentions(self) -> Iterator[Mention]:
        """Answer the flow."""
        if self.hook in HOOKS:
            yield from self._mention(MentionKind.FLOW, self.event_hooks.get(self.hook))


@family.action("UpdateContactEventHooks", UpdateContactEventHooks)
def update_contact_event_hooks(params: UpdateContactEventHooks) -> Program:
    """Set what a hook runs; the last setting of each wins."""
    hook = HOOKS.get(params.hook)
    flow = None if params.disabled else params.event_hooks.get(params.hook)
    if hook is None or (flow is None and not params.disabled):
        return Done()
    found = yield from ask(SetHook(hook, flow))
    return Done() if found else Failed(reason=f"there is no such flow for {hook.value}")
