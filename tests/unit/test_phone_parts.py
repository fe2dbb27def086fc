"""The parts of the test phones that need no network: messages, digest, G.711, recordings."""

from __future__ import annotations

import numpy as np
import pytest

from tests.phones.digest import authorization
from tests.phones.message import Message, NotSip, display_of, parameter, response, user_of
from tests.phones.sdp import Session, offer
from tests.phones.sound import FRAME, RATE, Recording, Sound, from_ulaw, to_ulaw, tone

pytestmark = pytest.mark.unit

INVITE = (
    b"INVITE sip:5551@127.0.0.30:5080 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1;rport\r\n"
    b'f: "Acme \\"1\\"" <sip:+18005550199@127.0.0.1>;tag=abc\r\n'
    b"To: <sip:5551@127.0.0.30>\r\n"
    b"i: id-1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"X-Folded: one\r\n two\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def recording(arrivals: list[float], stamps: list[int], streams: list[int]) -> Recording:
    heard = Recording()
    for number, (at, stamp, stream) in enumerate(zip(arrivals, stamps, streams, strict=True)):
        samples = np.full(FRAME, number + 1, dtype=np.int16)
        heard.add(samples, at=at, stamp=stamp, stream=stream)
    return heard


def test_a_message_is_read_with_compact_and_folded_headers() -> None:
    message = Message.parse(INVITE)

    assert (message.method, message.uri, message.branch) == (
        "INVITE",
        "sip:5551@127.0.0.30:5080",
        "z9hG4bK1",
    )
    assert (message["Call-ID"], message.sequence, message["x-folded"]) == ("id-1", 7, "one two")
    assert (user_of(message["From"]), display_of(message["From"])) == ("+18005550199", 'Acme "1"')


def test_a_response_copies_what_it_must_and_adds_its_tag() -> None:
    answer = response(Message.parse(INVITE), 486, tag="t1")

    again = Message.parse(answer.encode())

    assert (again.status, again.method, again.branch) == (486, "INVITE", "z9hG4bK1")
    assert (parameter(again["To"], "tag"), parameter(again["From"], "tag")) == ("t1", "abc")


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 20])
def test_what_is_no_sip_is_refused(data: bytes) -> None:
    with pytest.raises(NotSip):
        Message.parse(data)


def test_a_digest_is_that_of_the_rfc() -> None:
    # RFC 2617 section 3.5, without qop as in RFC 2069's form for the same inputs.
    answer = authorization(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
        method="GET",
        uri="/dir/index.html",
        user="Mufasa",
        secret="Circle Of Life",
    )

    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in answer


def test_an_offer_is_read_back() -> None:
    session = Session.parse(offer("127.0.0.9", 4000, version=1, direction="sendonly"))

    assert session == Session("127.0.0.9", 4000, "sendonly")


def test_every_ulaw_code_survives_decoding_and_coding() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is the other zero

    assert to_ulaw(from_ulaw(codes)) == codes


def test_a_sound_said_once_ends_in_silence_and_a_tone_goes_on() -> None:
    once = Sound(np.full(100, 1000, dtype=np.int16))
    forever = tone(710)

    assert from_ulaw(once.frame(0)).tolist()[99:101] == [from_ulaw(to_ulaw(once.pcm))[0], 0]
    assert once.frame(1) == b"\xff" * FRAME
    assert forever.frame(1) == forever.frame(1 + RATE // FRAME)
    assert forever.frame(1) != forever.frame(2)


def test_a_stall_of_the_machine_leaves_no_gap() -> None:
    heard = recording(
        [10.0, 10.02, 10.19, 10.19, 10.19, 10.19, 10.19, 10.19, 10.19, 10.19, 10.19, 10.2],
        [FRAME * number for number in range(12)],
        [0] * 12,
    )

    assert heard.pcm.tolist() == np.repeat(np.arange(1, 13), FRAME).tolist()


def test_a_pause_of_the_sender_stays_a_pause() -> None:
    heard = recording([10.0, 10.02, 11.0, 11.02], [0, 160, 320, 480], [0] * 4)

    assert heard.seconds == pytest.approx(1.04)
    assert not heard.between(10.05, 10.99).any()
    assert heard.between(11.0, 11.01).tolist() == [3] * 80


def test_a_break_in_the_timestamps_is_placed_by_its_arrival() -> None:
    heard = recording([10.0, 10.02, 10.5, 10.52], [0, 160, 90000, 90160], [0, 0, 1, 1])

    assert heard.seconds == pytest.approx(0.54)
    assert heard.between(10.5, 10.52).tolist() == [3] * FRAME


def test_a_long_recording_reads_the_same_while_it_grows() -> None:
    heard = Recording()
    lengths = []
    for number in range(500):
        samples = np.full(FRAME, 1 + number % 7, dtype=np.int16)
        heard.add(samples, at=10 + number * 0.02 + 0.03 * (number % 3), stamp=number * FRAME)
        if number % 50 == 49:
            lengths.append(len(heard.pcm))

    assert lengths == [FRAME * (number + 1) for number in range(49, 500, 50)]
    assert heard.pcm[::FRAME].tolist() == [1 + number % 7 for number in range(500)]
