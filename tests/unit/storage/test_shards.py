"""Shards: one rule says which byte belongs where, whoever made the archive."""

from __future__ import annotations

import io

import pytest

from syngen.errors import ShardError
from syngen.storage.shards import BLOCK, MemberError, ShardWriter, check_members, stated_size

AUDIO, TEXT = b"sound", b'{"index":7}'
PARTS = {
    "header of member 000000000.wav": 0,
    "padding of member 000000000.wav": BLOCK + len(AUDIO),
    "header of member 000000000.json": 2 * BLOCK,
    "member 000000000.json": 3 * BLOCK,
    "padding of member 000000000.json": 3 * BLOCK + len(TEXT),
}


def check(data: bytes, *, offset: int = BLOCK, size: int = len(AUDIO)) -> int:
    return check_members(memoryview(data), row=0, offset=offset, size=size, suffix="wav", text=TEXT)


@pytest.fixture
def shard() -> bytearray:
    file = io.BytesIO()
    writer = ShardWriter(file)
    for key in ("000000000", "000000001"):
        writer.add(key, "wav", AUDIO, TEXT)
    writer.finish()
    return bytearray(file.getvalue())


def test_a_row_ends_where_the_next_one_starts(shard: bytearray) -> None:
    assert check(shard) == 4 * BLOCK
    assert stated_size(memoryview(shard), 4 * BLOCK) == len(AUDIO)


@pytest.mark.parametrize("what", PARTS)
def test_every_part_of_a_row_but_the_audio_is_compared_and_named(what: str, shard: bytearray) -> None:
    shard[PARTS[what]] ^= 1
    with pytest.raises(MemberError, match=f"the {what} is not what the manifest says") as caught:
        check(shard)
    assert caught.value.end == 4 * BLOCK
    shard[PARTS[what]] ^= 1
    shard[BLOCK] ^= 1
    assert check(shard) == 4 * BLOCK


@pytest.mark.parametrize(("offset", "size"), [(0, 5), (-1, 5), (BLOCK, -1), (BLOCK, 10**9), (10**9, 5)])
def test_a_place_outside_of_the_shard_is_refused(offset: int, size: int, shard: bytearray) -> None:
    with pytest.raises(MemberError, match=f"puts {size} bytes of audio at byte {offset} of") as caught:
        check(shard, offset=offset, size=size)
    assert caught.value.end is None


def test_a_cut_shard_is_refused(shard: bytearray) -> None:
    for n_bytes in (BLOCK + 5, 2 * BLOCK + 1, 3 * BLOCK + len(TEXT), 4 * BLOCK - 1):
        with pytest.raises(MemberError, match="is not what the manifest says"):
            check(shard[:n_bytes])


@pytest.mark.parametrize("digits", [b"00000000008", b"0000000000 ", b"-0000000001"])
def test_what_is_no_header_has_no_size(digits: bytes, shard: bytearray) -> None:
    shard[124:135] = digits
    for start in (0, len(shard)):
        with pytest.raises(ShardError, match=f"byte {start} is not where a member begins"):
            stated_size(memoryview(shard), start)
