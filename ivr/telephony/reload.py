"""Has the switch read its generated files again, as a user that can do nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from ivr.domain.errors import LinkDown
from ivr.telephony.ami.actions import AmiAction
from ivr.telephony.ami.link import AmiLink
from ivr.telephony.provisioning import RELOADED_BY

log = logging.getLogger(__name__)

WITHIN_SECONDS: Final = 5.0


async def reload_switch(
    host: str, port: int, *, username: str, secret: str, files: Iterable[str]
) -> bool:
    """Reload the modules of these generated files.

    Returns:
        Whether the switch was there and took every reload; if it was not there, it reads its
        files when it starts.
    """
    modules = [RELOADED_BY[name] for name in sorted(files) if name in RELOADED_BY]
    link = AmiLink(host, port, username=username, secret=secret, on_event=lambda _: None)
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            await _knock(host, port)
            await link.open()
            answers = [
                await link.action(AmiAction("Reload", (("Module", module),))) for module in modules
            ]
    except (TimeoutError, OSError, LinkDown):
        return False
    finally:
        link.close()
    return all(answer.ok for answer in answers)


async def _knock(host: str, port: int) -> None:
    """Find out at once that nobody listens, where the link would go on trying.

    Raises:
        OSError: Nobody does.
    """
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
