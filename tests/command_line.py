"""Runs ``ivr`` commands in this process, with settings and a controller of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner
from pydantic import SecretStr

from ivr.cli import ivr
from ivr.cli.environment import Environment
from ivr.settings import AmiSettings, ApiSettings, Settings

TOKEN = "token-of-this-test"

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    output: str
    errors: str

    @property
    def lines(self) -> list[str]:
        """What it printed, in lines without the blanks between columns."""
        return [" ".join(line.split()) for line in self.output.splitlines() if line.strip()]

    @property
    def data(self) -> Any:
        """The JSON document it printed; nothing else may stand there."""
        return json.loads(self.output)


def some_settings(folder: Path, **api: Any) -> Settings:
    """Settings on a state directory, whatever the machine's say."""
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    return Settings(
        _env_file=None,
        state_dir=state,
        ami=AmiSettings(
            secret=SecretStr("control-secret"), provision_secret=SecretStr("provision-secret")
        ),
        api=ApiSettings(token=SecretStr(TOKEN), **api),
    )


def run(
    *arguments: str,
    settings: Settings | None = None,
    controller: Answer | None = None,
    stdin: bytes | None = None,
) -> Outcome:
    """Run a command to its end."""

    def read() -> Settings:
        assert settings is not None, "this command needs no settings"
        return settings

    environment = Environment(read, httpx.MockTransport(controller) if controller else None)
    result = CliRunner().invoke(ivr, list(arguments), obj=environment, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def answering(answers: Mapping[str, Any]) -> Answer:
    """A controller that knows these answers, by method and path."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"detail": "the token is missing or wrong"})
        found = answers.get(f"{request.method} {request.url.raw_path.decode()}")
        if found is None:
            return httpx.Response(404, json={"detail": "Not Found"})
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return answer
