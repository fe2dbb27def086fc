"""What the acceptance tests of the main job share: one installation per module, agents' phones.

A module says how its installation differs from the shipped sample in ``HOUSE`` (arguments of
:class:`tests.house.House`). Agents log in and become available in the tests that want them, and
are gone afterwards; so are callbacks that nobody served.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.house import House
from tests.phones import Answer, Phone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """The installation of a module."""
    folder = tmp_path_factory.mktemp("house")
    async with House(folder, **request.module.HOUSE) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def anna(house: House) -> AsyncIterator[Phone]:
    """Anna's phone, logged in; she is offline."""
    async for phone in _agent(house, "anna"):
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def ben(house: House) -> AsyncIterator[Phone]:
    """Ben's phone, logged in; he is offline."""
    async for phone in _agent(house, "ben"):
        yield phone


async def _agent(house: House, name: str) -> AsyncIterator[Phone]:
    phone = await house.agent_phone(name)
    phone.will(Answer(after=0.1))
    yield phone
    await house.status(name, "Offline")
    for waiting in await house.callbacks():
        await house.post(f"/callbacks/{waiting['id']}/stop")
    for call in phone.calls:
        call.hang_up()

    async def at_rest() -> bool:
        return (await house.agent(name))["contact_id"] is None

    await house.until(at_rest, within=30, what=f"{name} holds nothing")
    await house.status(name, "Offline")
    await phone.unregister()
