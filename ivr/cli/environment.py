"""What commands work in: the settings, and the way to the controller."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ivr.cli.failures import BadUsage

if TYPE_CHECKING:
    import httpx

    from ivr.cli.controller import Controller
    from ivr.settings import Settings

T = TypeVar("T")


def read_settings() -> Settings:
    """The settings of this machine.

    Raises:
        BadUsage: They cannot be used; names every one that is wrong.
    """
    from ivr.settings import BadSettings, load_settings

    try:
        return load_settings()
    except BadSettings as error:
        raise BadUsage.because_of(error) from error


@dataclass(frozen=True, slots=True)
class Environment:
    """Handed to every command; tests bring their own.

    Attributes:
        read: Answers the settings.
        transport: Carries requests to the controller; none = the network.
    """

    read: Callable[[], Settings] = read_settings
    transport: httpx.BaseTransport | None = None

    @contextmanager
    def controller(self) -> Iterator[Controller]:
        """The controller that runs with these settings."""
        from ivr.cli.controller import Controller

        with Controller(self.read(), self.transport) as controller:
            yield controller


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end."""
    import asyncio

    return asyncio.run(work)


pass_environment = click.make_pass_decorator(Environment, ensure=True)
