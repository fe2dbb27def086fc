"""The running controller, over its HTTP interface on loopback."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from ivr.cli.failures import NotReachable, Refused
from ivr.settings import Settings

ANSWERS_WITHIN_SECONDS: Final = 15.0


class Controller:
    """A client of ``/v1``; use it as a context manager."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        token = settings.api.token.get_secret_value() if settings.api.token else ""
        self._client = httpx.Client(
            base_url=httpx.URL(
                scheme="http", host=settings.api.host, port=settings.api.port, path="/v1/"
            ),
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWERS_WITHIN_SECONDS,
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, *path: str, **parameters: int) -> Any:
        """What the controller answers.

        Raises:
            NotReachable: None answers.
            Refused: It answers no.
        """
        return self._ask("GET", path, params=parameters)

    def post(self, *path: str, body: Any = None, key: str | None = None) -> Any:
        """What the controller answers to a command; raises as ``get`` does.

        Args:
            path: Below ``/v1``.
            body: JSON values.
            key: The command is carried out once for each.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._ask("POST", path, json=body, headers=headers)

    def _ask(self, method: str, path: tuple[str, ...], **request: Any) -> Any:
        where = "/".join(quote(part, safe="") for part in path)
        try:
            answer = self._client.request(method, where, **request)
        except httpx.TimeoutException as error:
            message = f"the controller did not answer within {ANSWERS_WITHIN_SECONDS:.0f} s"
            raise NotReachable(message) from error
        except httpx.TransportError as error:
            address = f"{self._client.base_url.host}:{self._client.base_url.port}"
            message = f"no controller answers at {address}; start it with `ivr run`"
            raise NotReachable(message) from error
        try:
            body = answer.json()
        except ValueError as error:
            message = f"what answers at {self._client.base_url} is no controller"
            raise NotReachable(message) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            message = (
                "the controller does not take our token: it runs with another state directory "
                "(IVR_STATE_DIR)"
            )
            raise Refused(message)
        if not answer.is_success:
            raise Refused(*_problems(body))
        return body


def _problems(body: Any) -> list[str]:
    """Say what an answer complains about."""
    match body:
        case {"message": str(message)}:
            return message.splitlines()
        case {"detail": [*faults]}:
            return [_fault(fault) for fault in faults]
        case {"detail": str(detail)}:
            return [detail]
        case _:
            return ["the controller refused"]


def _fault(fault: Any) -> str:
    match fault:
        case {"loc": [*places], "msg": str(message)}:
            return f"{'.'.join(map(str, places))}: {message}"
        case _:
            return str(fault)
