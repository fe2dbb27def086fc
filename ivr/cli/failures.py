"""How a command fails: one line on standard error for each problem, and an exit code."""

from __future__ import annotations

from typing import IO, Any, ClassVar, Self

import click

from ivr.cli.output import plain


class Refused(click.ClickException):
    """Something was refused, or faults were found.

    Attributes:
        problems: One line each.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    @classmethod
    def because_of(cls, *errors: Exception) -> Self:
        """Make it of errors whose texts name the problems, a line each."""
        lines = [line for error in errors for line in str(error).splitlines()]
        return cls(*(lines or [type(error).__name__ for error in errors]))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the problems."""
        for problem in self.problems:
            click.echo(plain(problem), file=file, err=file is None)


class BadUsage(Refused):
    """The settings cannot be used."""

    exit_code: ClassVar[int] = 2


class NotReachable(Refused):
    """No controller answers."""

    exit_code: ClassVar[int] = 3
