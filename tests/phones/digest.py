"""Digest access authentication, the client's side (RFC 2617, RFC 8760)."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

_ALGORITHMS: Final = {"md5": "md5", "sha-256": "sha256"}


def authorization(challenge: str, *, method: str, uri: str, user: str, secret: str) -> str:
    """Answer the value of a WWW-Authenticate or Proxy-Authenticate header."""
    asked = {
        name.lower(): quoted or plain
        for name, quoted, plain in re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', challenge)
    }
    algorithm = asked.get("algorithm", "MD5")

    def digest(text: str) -> str:
        return hashlib.new(_ALGORITHMS[algorithm.lower()], text.encode()).hexdigest()

    realm, nonce = asked["realm"], asked["nonce"]
    who = digest(f"{user}:{realm}:{secret}")
    what = digest(f"{method}:{uri}")
    fields = [
        f'username="{user}"',
        f'realm="{realm}"',
        f'nonce="{nonce}"',
        f'uri="{uri}"',
        f"algorithm={algorithm}",
    ]
    if "auth" in asked.get("qop", "").split(","):
        count, own = "00000001", secrets.token_hex(8)
        proof = digest(f"{who}:{nonce}:{count}:{own}:auth:{what}")
        fields += ["qop=auth", f"nc={count}", f'cnonce="{own}"']
    else:
        proof = digest(f"{who}:{nonce}:{what}")
    if "opaque" in asked:
        fields.append(f'opaque="{asked["opaque"]}"')
    return f'Digest {", ".join(fields)}, response="{proof}"'
