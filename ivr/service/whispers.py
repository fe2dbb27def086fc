"""Whispers are spoken the moment somebody answers, so they are rendered when the phone rings."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from ivr.domain.contact import Contact
from ivr.flow.context import FlowContext
from ivr.flow.effects import Hook
from ivr.flow.kinds import FlowKind
from ivr.flow.parameters import Resolver
from ivr.flow.prompt import Prompt, Ssml, Text
from ivr.flow.step import FlowDocument, PinnedFlow
from ivr.ports.speech import PlainText, Voice, Words
from ivr.ports.speech import Ssml as SpokenSsml
from ivr.service.flow_runner import context_of
from ivr.service.world import World


async def prepare_whispers(world: World, contact: Contact) -> None:
    """Render what the whispers of this contact will say, with the values known now."""
    site = world.site.now
    flows = [_of_hook(world, contact, Hook.AGENT_WHISPER, FlowKind.AGENT_WHISPER)]
    if contact.is_callback:
        queue = site.queue(contact.queue_id) if contact.queue_id else None
        name = queue.outbound_whisper if queue else None
        flows.append(world.site.chosen(FlowKind.OUTBOUND_WHISPER, name))
    else:
        flows.append(_of_hook(world, contact, Hook.CUSTOMER_WHISPER, FlowKind.CUSTOMER_WHISPER))
    await _prepare(world, contact, flows)


async def prepare_transfer_whispers(world: World, contact: Contact) -> None:
    """Render what both agents of a quick connect will hear; the contact is the destination's."""
    await _prepare(
        world,
        contact,
        [
            _of_hook(world, contact, Hook.AGENT_WHISPER, FlowKind.AGENT_WHISPER),
            _of_hook(world, contact, Hook.CUSTOMER_WHISPER, FlowKind.CUSTOMER_WHISPER),
        ],
    )


async def _prepare(world: World, contact: Contact, flows: Sequence[PinnedFlow | None]) -> None:
    context = context_of(contact, world.site.now)
    voice = world.speech.voice_named(contact.voice) if contact.voice else None
    voice = voice or Voice(language=contact.language)
    for flow in flows:
        if flow is not None:
            await world.speech.prepare(
                [(words, voice) for words in spoken_words(flow.document, context)]
            )


def _of_hook(world: World, contact: Contact, hook: Hook, kind: FlowKind) -> PinnedFlow | None:
    name = contact.hooks.get(hook.value)
    return None if name == "" else world.site.chosen(kind, name)


def spoken_words(document: FlowDocument, context: FlowContext) -> list[Words]:
    """Everything a flow says, with references filled in; what cannot be said yet is left out."""
    said: list[Words] = []
    for step in document.steps.values():
        try:
            filled = type(step.parameters).model_validate(
                step.raw, context=Resolver(context.lookup)
            )
        except ValidationError:
            continue
        said += [words for prompt in filled.prompts() if (words := _words(prompt)) is not None]
    return said


def _words(prompt: Prompt) -> Words | None:
    match prompt:
        case Text(words):
            return PlainText(words)
        case Ssml(markup):
            return SpokenSsml(markup)
        case _:
            return None
