from __future__ import annotations

import numpy as np
import pytest

from ivr.speech.g711 import pcm_from_alaw, pcm_from_ulaw, ulaw_from_pcm

pytestmark = pytest.mark.unit

# ITU-T G.711 table 2a: the upper end of each segment; 14-bit values, so times four.
ULAW_OUTPUT = {
    0x80: 8031,
    0x8F: 4191,
    0x90: 3999,
    0x9F: 2079,
    0xAF: 1023,
    0xBF: 495,
    0xCF: 231,
    0xDF: 99,
    0xEF: 33,
    0xFE: 2,
    0xFF: 0,
}
# ITU-T G.711 table 2a: decision values, and the code from there upwards.
ULAW_DECISION = {
    7903: 0x80,
    4063: 0x8F,
    2015: 0x9F,
    991: 0xAF,
    479: 0xBF,
    223: 0xCF,
    95: 0xDF,
    31: 0xEF,
    1: 0xFE,
}
# ITU-T G.711 table 1a, even bits inverted as sent; 13-bit values, so times eight.
ALAW_OUTPUT = {
    0xAA: 4032,
    0xA5: 2112,
    0xBA: 2016,
    0xB5: 1056,
    0x85: 528,
    0x95: 264,
    0xE5: 132,
    0xF5: 66,
    0xC5: 33,
    0xD5: 1,
}


@pytest.mark.parametrize(("code", "value"), ULAW_OUTPUT.items())
def test_ulaw_decodes_to_the_values_of_the_recommendation(code: int, value: int) -> None:
    positive, negative = pcm_from_ulaw(bytes([code, code ^ 0x80])).tolist()

    assert (positive, negative) == (4 * value, -4 * value)


@pytest.mark.parametrize(("decision", "code"), ULAW_DECISION.items())
def test_ulaw_encodes_at_the_decision_values_of_the_recommendation(
    decision: int, code: int
) -> None:
    around = np.array([4 * decision, 4 * decision - 1], np.int16)

    assert list(ulaw_from_pcm(around)) == [code, code + 1]


def test_every_ulaw_code_survives_decoding_and_encoding() -> None:
    codes = bytes(range(256))

    again = ulaw_from_pcm(pcm_from_ulaw(codes))

    # 0x7F is minus zero; the encoder knows only plus zero.
    assert again == codes.replace(b"\x7f", b"\xff")


def test_every_sample_is_encoded_within_half_a_step() -> None:
    samples = np.arange(-32768, 32768, dtype=np.int32)

    decoded = pcm_from_ulaw(ulaw_from_pcm(samples.astype(np.int16))).astype(np.int32)

    clipped = np.clip(samples, -32635, 32635)
    step = np.maximum(8, 2 ** np.floor(np.log2(np.abs(clipped) + 132) - 4))
    assert np.all(np.abs(decoded - clipped) <= step)


@pytest.mark.parametrize(("code", "value"), ALAW_OUTPUT.items())
def test_alaw_decodes_to_the_values_of_the_recommendation(code: int, value: int) -> None:
    positive, negative = pcm_from_alaw(bytes([code, code ^ 0x80])).tolist()

    assert (positive, negative) == (8 * value, -8 * value)
