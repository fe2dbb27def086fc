"""The command line: reads arguments, asks the controller or the composition root, prints.

Heavy modules are imported inside the commands that need them, so that ``ivr --help`` is quick.
Exit codes: 0 done, 1 refused or faults found, 2 wrong usage or settings, 3 no controller answers.
"""

from __future__ import annotations

import logging
from typing import Any

import click

from ivr.cli.agent import agent
from ivr.cli.callback import callback
from ivr.cli.contact import contact
from ivr.cli.failures import Refused
from ivr.cli.flow import flow
from ivr.cli.phone import phone
from ivr.cli.queue import queue
from ivr.cli.run import doctor, provision, run
from ivr.cli.site import apply, export, sample
from ivr.domain.errors import QueuebackError


class Commands(click.Group):
    """The commands; what they refuse ends in clear lines instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except QueuebackError as error:
            raise Refused.because_of(error) from error
        except ExceptionGroup as group:
            expected, others = group.split((QueuebackError, OSError))
            if expected is None or others is not None:
                raise
            raise Refused.because_of(*_leaves(expected)) from group


def _leaves(group: ExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, ExceptionGroup) else [each]
    return found


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 refused or faults found, 2 wrong usage, 3 no controller answers.",
)
@click.version_option(package_name="queueback", prog_name="queueback")
def ivr() -> None:
    """Queued callback for Asterisk: callers hang up and keep their place in line."""
    logging.getLogger().addHandler(logging.NullHandler())


for _command in (
    run,
    provision,
    apply,
    export,
    sample,
    doctor,
    flow,
    agent,
    queue,
    callback,
    contact,
    phone,
):
    ivr.add_command(_command)

__all__ = ["ivr"]
