"""The application: routes under ``/v1``, each behind the bearer token but for health."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ivr.api import errors
from ivr.domain.ids import AgentId, ContactId
from ivr.domain.monitor import MonitorVerb
from ivr.domain.transfer import Verb
from ivr.service import overview
from ivr.service.contact_centre import ContactCentre
from ivr.service.quick_connects import shown
from ivr.service.world import World


class StatusChoice(BaseModel):
    """An agent status by name."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[str, Field(min_length=1, max_length=127)]


class QuickConnectChoice(BaseModel):
    """A quick connect by id or name, and whether the customer is put on hold for it."""

    model_config = ConfigDict(extra="forbid")

    quick_connect: Annotated[str, Field(min_length=1, max_length=127)]
    hold: bool = True


class SupervisorChoice(BaseModel):
    """A supervisor by id."""

    model_config = ConfigDict(extra="forbid")

    supervisor: Annotated[str, Field(min_length=1, max_length=127)]


class PartyChoice(BaseModel):
    """A party of the conference by its contact, instead of the destination brought in last."""

    model_config = ConfigDict(extra="forbid")

    party: Annotated[str, Field(min_length=1, max_length=127)]


IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=127)]
"""The same key is carried out once, however often a client asks."""


def create_app(
    world: World,
    centre: ContactCentre,
    token: SecretStr,
    *,
    reload_site: Callable[[], Awaitable[None]],
) -> FastAPI:
    """Build the application.

    Args:
        world: Ports and bells.
        centre: What runs.
        token: Every request carries it as ``Authorization: Bearer``.
        reload_site: Takes over a site that was applied to the database.
    """
    app = FastAPI(title="Queueback", version="1", docs_url=None, redoc_url=None)
    errors.install(app)

    async def authorised(authorization: Annotated[str, Header()] = "") -> None:
        expected = f"Bearer {token.get_secret_value()}"
        if not secrets.compare_digest(authorization.encode(), expected.encode()):
            raise HTTPException(401, "the token is missing or wrong")

    @app.get("/v1/health")
    async def health() -> Mapping[str, Any]:
        return {"status": "ok", "site": world.site.now.name if world.site.is_set else None}

    api = APIRouter(prefix="/v1", dependencies=[Depends(authorised)])

    @api.get("/agents")
    async def agents() -> Sequence[Mapping[str, Any]]:
        return await overview.agents(world)

    @api.post("/agents/{agent_id}/status")
    async def choose_status(agent_id: str, choice: StatusChoice) -> Sequence[Mapping[str, Any]]:
        await centre.agents.choose(AgentId(agent_id), choice.status, by="api")
        return [each for each in await overview.agents(world) if each["id"] == agent_id]

    @api.get("/queues")
    async def queues() -> Sequence[Mapping[str, Any]]:
        return await overview.queues(world)

    @api.get("/callbacks")
    async def callbacks() -> Sequence[Mapping[str, Any]]:
        return [overview.callback_row(each, world) for each in await centre.callbacks.list_open()]

    @api.post("/callbacks/{contact_id}/stop")
    async def stop_callback(contact_id: str) -> Mapping[str, Any]:
        stopped = await centre.callbacks.stop(ContactId(contact_id), by="api")
        return {"id": contact_id, "stopped": stopped}

    @api.get("/contacts")
    async def contacts(
        limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    ) -> Sequence[Mapping[str, Any]]:
        return await overview.recent_contacts(world, limit)

    @api.get("/contacts/{contact_id}")
    async def contact(contact_id: str) -> Mapping[str, Any]:
        return await overview.contact(world, ContactId(contact_id))

    @api.post("/contacts/{contact_id}/stop")
    async def stop_contact(contact_id: str) -> Mapping[str, Any]:
        stopped = await centre.stop(ContactId(contact_id), by="api")
        return {"id": contact_id, "stopped": stopped}

    @api.get("/agents/{agent_id}/quick-connects")
    async def quick_connects(agent_id: str) -> Sequence[Mapping[str, Any]]:
        return [shown(each) for each in centre.quick_connects.of_agent(AgentId(agent_id))]

    @api.get("/contacts/{contact_id}/transfer")
    async def transfer(contact_id: str) -> Mapping[str, Any]:
        return await centre.quick_connects.view(ContactId(contact_id))

    @api.post("/contacts/{contact_id}/transfer")
    async def start_transfer(
        contact_id: str, choice: QuickConnectChoice, key: IdempotencyKey = None
    ) -> Mapping[str, Any]:
        of = ContactId(contact_id)
        await centre.quick_connects.start(of, choice.quick_connect, hold=choice.hold, key=key)
        return await centre.quick_connects.view(of)

    @api.post("/contacts/{contact_id}/transfer/{verb}")
    async def use_verb(
        contact_id: str,
        verb: Verb,
        choice: PartyChoice | None = None,
        key: IdempotencyKey = None,
    ) -> Mapping[str, Any]:
        party = ContactId(choice.party) if choice is not None else None
        await centre.quick_connects.use(ContactId(contact_id), verb, key=key, party=party)
        return await centre.quick_connects.view(ContactId(contact_id))

    @api.get("/contacts/{contact_id}/monitor")
    async def monitors(contact_id: str) -> Sequence[Mapping[str, Any]]:
        return await centre.supervisors.of_contact(ContactId(contact_id))

    @api.post("/contacts/{contact_id}/monitor/{verb}")
    async def supervise(
        contact_id: str, verb: MonitorVerb, choice: SupervisorChoice
    ) -> Sequence[Mapping[str, Any]]:
        await centre.supervisors.ask(ContactId(contact_id), choice.supervisor, verb)
        return await centre.supervisors.of_contact(ContactId(contact_id))

    @api.post("/site/reload")
    async def reload() -> Mapping[str, Any]:
        await reload_site()
        return {"site": world.site.now.name}

    app.include_router(api)
    return app
