"""G.711: µ-law both ways, A-law for reading recordings (ITU-T G.711, tables 1a to 2b).

Samples are 16-bit: the recommendation's 14-bit µ-law values times four, its 13-bit A-law values
times eight.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Pcm16 = npt.NDArray[np.int16]

_BIAS: Final = 132
_CLIP: Final = 32635


def _ulaw_decoding_table() -> Pcm16:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4 & 7).astype(np.int32)
    magnitude = (((code & 15).astype(np.int32) << 3) + _BIAS << exponent) - _BIAS
    return np.asarray(np.where(code & 0x80, -magnitude, magnitude), np.int16)


def _ulaw_encoding_table() -> npt.NDArray[np.uint8]:
    """Codes by sample, indexed by the sample's 16 bits read as unsigned."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.log2(biased).astype(np.int32) - 7
    mantissa = biased >> exponent + 3 & 15
    sign = np.where(sample < 0, 0x80, 0)
    return np.asarray(~(sign | exponent << 4 | mantissa) & 0xFF, np.uint8)


def _alaw_decoding_table() -> Pcm16:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = code >> 4 & 7
    step = ((code & 15) << 4) + 8
    magnitude = np.where(exponent == 0, step, step + 0x100 << np.maximum(exponent - 1, 0))
    return np.asarray(np.where(code & 0x80, magnitude, -magnitude), np.int16)


_ULAW_TO_PCM: Final = _ulaw_decoding_table()
_PCM_TO_ULAW: Final = _ulaw_encoding_table()
_ALAW_TO_PCM: Final = _alaw_decoding_table()


def ulaw_from_pcm(samples: Pcm16) -> bytes:
    """Encode 16-bit samples as µ-law."""
    return _PCM_TO_ULAW[samples.view(np.uint16)].tobytes()


def pcm_from_ulaw(encoded: bytes) -> Pcm16:
    """Decode µ-law to 16-bit samples."""
    return _ULAW_TO_PCM[np.frombuffer(encoded, np.uint8)]


def pcm_from_alaw(encoded: bytes) -> Pcm16:
    """Decode A-law to 16-bit samples."""
    return _ALAW_TO_PCM[np.frombuffer(encoded, np.uint8)]
