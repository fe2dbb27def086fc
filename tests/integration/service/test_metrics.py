"""Figures of the moment that flows choose by (CheckMetricData), on the whole service floor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from ivr.domain.ids import Endpoint
from ivr.flow.effects import AgentRef, Metric, QueueRef
from ivr.service.metrics import read_metric
from tests.centre import ANNA, ANNAS_PHONE, BEN, LOCAL, Centre, running_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

SALES = QueueRef("Sales")


def play(folder: Path, scene: Callable[[Centre], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder) as centre:
            await scene(centre)

    run_virtual(main())


async def figures(
    centre: Centre, target: QueueRef | AgentRef = SALES
) -> Mapping[Metric, int | None]:
    return {metric: await read_metric(centre.world, metric, target) for metric in Metric}


def test_agents_are_online_staffed_and_available(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        async def counted(target: QueueRef | AgentRef = SALES) -> list[int | None]:
            found = await figures(centre, target)
            return [
                found[Metric.AGENTS_ONLINE],
                found[Metric.AGENTS_STAFFED],
                found[Metric.AGENTS_AVAILABLE],
            ]

        assert await counted() == [0, 0, 0]
        phone = Endpoint(ANNAS_PHONE)
        await centre.becomes(ANNA)
        assert await counted() == [1, 1, 0]
        await centre.centre.agents.phone_changed(phone, reachable=True)
        assert await counted() == [1, 1, 1]
        await centre.becomes(BEN, "Lunch")
        assert await counted() == [2, 1, 1]
        await centre.centre.agents.phone_changed(phone, reachable=False)
        assert await counted() == [2, 1, 0]
        assert await counted(AgentRef("anna")) == [1, 1, 0]
        assert await counted(AgentRef("nobody")) == [None, None, None]
        assert await counted(QueueRef("Nowhere")) == [None, None, None]

    play(tmp_path, scene)


def test_contacts_are_counted_and_the_oldest_ages_in_milliseconds(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        async def waiting() -> tuple[int | None, int | None]:
            found = await figures(centre)
            return found[Metric.CONTACTS], found[Metric.OLDEST_CONTACT]

        assert await waiting() == (0, 0)
        caller = centre.switch.dials(LOCAL, caller="+12025550160").will_press("2")

        async def is_queued() -> bool:
            return (await waiting())[0] == 1

        await centre.until(is_queued)
        _, before = await waiting()
        await centre.passes(60)
        _, after = await waiting()
        assert before is not None
        assert after == before + 60_000
        assert await figures(centre, AgentRef("anna")) == {
            Metric.AGENTS_AVAILABLE: 0,
            Metric.AGENTS_STAFFED: 0,
            Metric.AGENTS_ONLINE: 0,
            Metric.OLDEST_CONTACT: None,
            Metric.CONTACTS: None,
        }
        assert caller.leg is not None

    play(tmp_path, scene)
