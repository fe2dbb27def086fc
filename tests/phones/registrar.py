"""A registrar that accepts one account by digest, for phones tested without a PBX."""

from __future__ import annotations

import hashlib
import re

from tests.phones.line import Line, ServerTransaction


class Registrar(Line):
    """Takes REGISTER only; the digest is computed from RFC 2617 here, apart from the phones' own.

    Attributes:
        registered: The Contact headers of accepted requests.
    """

    def __init__(self, *, user: str, secret: str) -> None:
        super().__init__()
        self.registered: list[str] = []
        self._user = user
        self._secret = secret

    def _dispatch(self, transaction: ServerTransaction) -> None:
        asked = dict(re.findall(r'(\w+)="?([^",]+)', transaction.request["Authorization"]))
        if not asked:
            challenge = 'Digest realm="asterisk", nonce="n1", qop="auth", algorithm=MD5'
            transaction.reply(401, tag="r", headers=(("WWW-Authenticate", challenge),))
            return
        who = _md5(f"{self._user}:asterisk:{self._secret}")
        what = _md5(f"REGISTER:{asked['uri']}")
        right = _md5(f"{who}:n1:{asked['nc']}:{asked['cnonce']}:auth:{what}")
        if asked["response"] == right:
            self.registered.append(transaction.request["Contact"])
            transaction.reply(200, tag="r")
        else:
            transaction.reply(403, tag="r")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
