"""PyTorch: datasets by position and as streams, the same batches for any number of workers."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.errors import FactorError, ParameterError, ShardError
from syngen.loaders.dataset import FactorDataset
from tests.support import needs_speech, run_python

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = [
    # fork is PyTorch's default, and warns where threads run; the workers here start none
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # on one core PyTorch finds two workers too many
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


@pytest.fixture(scope="module")
def ds(tiny_dataset: Path) -> FactorDataset:
    return syngen.load(tiny_dataset)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> FactorDataset:
    """391 rows in shards of 60, with a shorter last one in every split."""
    folder = tmp_path_factory.mktemp("uneven") / "data"
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=60, limit=391)
    return syngen.load(folder)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> FactorDataset:
    folder = tmp_path_factory.mktemp("spoken") / "data"
    syngen.generate("synspeech-tiny", folder, jobs=1, limit=12)
    return syngen.load(folder)


def louder(waveform: Any) -> Any:
    return 2 * waveform


def broken(waveform: Any) -> Any:
    raise RuntimeError(f"no idea what to do with {len(waveform)} samples")


def ragged(waveform: Any) -> Any:
    return waveform[: 10 + int(waveform.abs().sum()) % 7]


def octave(values: dict[str, Any]) -> float:
    return float(np.log2(values["frequency"]))


def equal(first: Any, second: Any) -> bool:
    """Whether two lists of batches hold the same."""
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(first, second, strict=True)
    )


def test_an_item_is_a_dict_of_tensors(ds: FactorDataset) -> None:
    train = ds.to_torch("train")
    view = ds.select(split="train")
    assert len(train) == len(view)
    item = train[5]
    assert list(item) == ["waveform", "levels", "row"]
    assert (item["waveform"].dtype, item["levels"].dtype) == (torch.float32, torch.int64)
    np.testing.assert_array_equal(item["waveform"].numpy(), view[5].waveform)
    assert item["levels"].tolist() == view.levels[5].tolist()
    assert int(item["row"]) == view.rows[5]
    assert int(train[-1]["row"]) == view.rows[-1]
    with pytest.raises(IndexError):
        train[len(train)]


@pytest.mark.parametrize(
    ("target", "shape", "kind"),
    [
        ("timbre", (16,), torch.int64),
        (["timbre", "frequency"], (16, 2), torch.int64),
        (octave, (16,), torch.float64),
    ],
)
def test_targets_are_levels_or_what_a_callable_makes_of_values(
    target: Any, shape: tuple[int, ...], kind: Any, ds: FactorDataset
) -> None:
    (batch, *_) = torch.utils.data.DataLoader(ds.to_torch("test", target=target), batch_size=16)
    assert (tuple(batch["target"].shape), batch["target"].dtype) == (shape, kind)
    view = ds.select(split="test")
    if target == "timbre":
        assert batch["target"].tolist() == view.levels[:16, 0].tolist()
    elif target is octave:
        assert batch["target"].tolist() == [octave(dict(view[i].values)) for i in range(16)]
    else:
        assert batch["target"].tolist() == view.levels[:16][:, [0, 2]].tolist()


def test_a_transform_is_applied_to_each_waveform(ds: FactorDataset) -> None:
    (batch, *_) = torch.utils.data.DataLoader(ds.to_torch("test", transform=louder), batch_size=8)
    np.testing.assert_array_equal(batch["features"].numpy(), 2 * ds.select(split="test").batch(range(8)))
    assert "waveform" not in batch


def test_a_plain_loader_reads_and_collates_whole_batches(ds: FactorDataset) -> None:
    train = ds.to_torch("train")
    calls: list[int] = []
    read = train._reader.read
    train._reader.read = lambda positions: calls.append(len(positions)) or read(positions)
    batches = list(torch.utils.data.DataLoader(train, batch_size=100))
    assert calls == [len(batch["row"]) for batch in batches]
    assert calls[:-1] == [100] * (len(calls) - 1)
    view = ds.select(split="train")
    np.testing.assert_array_equal(torch.cat([b["waveform"] for b in batches]).numpy(), view.arrays()[0])
    np.testing.assert_array_equal(torch.cat([b["row"] for b in batches]).numpy(), view.rows)


def test_other_collate_functions_and_subsets_work(ds: FactorDataset) -> None:
    train = ds.to_torch("train")

    def names(batch: Any) -> list[list[str]]:
        return [list(item) for item in batch]

    (first, *_) = torch.utils.data.DataLoader(train, batch_size=3, collate_fn=names)
    assert first == [["waveform", "levels", "row"]] * 3
    subset = torch.utils.data.Subset(train, [5, 1])
    (batch,) = torch.utils.data.DataLoader(subset, batch_size=2)
    assert batch["row"].tolist() == ds.select(split="train").rows[[5, 1]].tolist()
    both = torch.utils.data.ConcatDataset([train, ds.to_torch("test")])
    (batch, *_) = torch.utils.data.DataLoader(both, batch_size=4, sampler=[0, len(train), 1])
    assert batch["waveform"].shape == (3, 4000)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_batches_are_the_same_for_any_number_of_workers(method: str, ds: FactorDataset) -> None:
    train = ds.to_torch("train", target="timbre")
    found = []
    for n_workers in (0, 1, 2):
        loader = torch.utils.data.DataLoader(
            train,
            batch_size=50,
            shuffle=True,
            num_workers=n_workers,
            generator=torch.Generator().manual_seed(3),
            multiprocessing_context=method if n_workers else None,
        )
        found.append(list(loader))
    assert equal(found[0], found[1])
    assert equal(found[0], found[2])


def test_distributed_sampler_gives_every_rank_its_share(ds: FactorDataset) -> None:
    train = ds.to_torch("train")
    rows: list[int] = []
    for rank in range(2):
        sampler = torch.utils.data.DistributedSampler(train, num_replicas=2, rank=rank, drop_last=False)
        for batch in torch.utils.data.DataLoader(train, batch_size=32, sampler=sampler):
            rows += batch["row"].tolist()
    assert set(rows) == set(ds.select(split="train").rows.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_a_stream_has_every_observation_exactly_once(
    n_workers: int, world_size: int, shuffle: bool, uneven: FactorDataset
) -> None:
    assert len(set(np.bincount(uneven.shard_numbers).tolist())) > 2
    rows: list[int] = []
    for rank in range(world_size):
        stream = uneven.to_torch_stream(batch_size=32, shuffle=shuffle, rank=rank, world_size=world_size)
        batches = list(torch.utils.data.DataLoader(stream, batch_size=None, num_workers=n_workers))
        assert len(batches) == len(stream)
        assert {len(batch["row"]) for batch in batches[:-1]} == {32}
        rows += [row for batch in batches for row in batch["row"].tolist()]
    assert sorted(rows) == list(range(391))
    assert (rows != sorted(rows)) is shuffle


@pytest.mark.slow
def test_batches_of_a_stream_are_the_same_for_any_number_of_workers(uneven: FactorDataset) -> None:
    stream = uneven.to_torch_stream("train", batch_size=50, shuffle=True, seed=5, target="timbre")
    expected = list(stream)
    for n_workers in (0, 1, 2, 3):
        assert equal(torch.utils.data.DataLoader(stream, batch_size=None, num_workers=n_workers), expected)


def test_epochs_and_seeds_have_their_own_orders(uneven: FactorDataset) -> None:
    def orders(seed: int) -> list[list[int]]:
        stream = uneven.to_torch_stream(batch_size=391, shuffle=True, seed=seed)
        found = []
        for epoch in (0, 1, 0):
            stream.set_epoch(epoch)
            (batch,) = stream
            found.append(batch["row"].tolist())
        return found

    first, second, again = orders(1)
    assert first == again != second
    assert orders(2)[0] != first
    with pytest.raises(ParameterError, match="epoch is -1"):
        uneven.to_torch_stream(batch_size=3).set_epoch(-1)


def test_ranks_in_step_have_equally_many_whole_batches(uneven: FactorDataset) -> None:
    rows: list[int] = []
    for rank in range(3):
        stream = uneven.to_torch_stream(batch_size=20, rank=rank, world_size=3, drop_last=True)
        sizes = [len(batch["row"]) for batch in stream]
        assert sizes == [20] * 6
        assert len(stream) == 6
        rows += [row for batch in stream for row in batch["row"].tolist()]
    assert len(set(rows)) == len(rows) == 360


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("given", [0, 1, 3, 6])
def test_a_loader_goes_on_in_the_middle_of_an_epoch(
    given: int, n_workers: int, uneven: FactorDataset
) -> None:
    def stream() -> Any:
        return uneven.to_torch_stream("train", batch_size=50, shuffle=True, seed=2)

    whole = stream().loader()
    expected = [list(whole), list(whole)]
    assert not equal(*expected)
    assert len(expected[0]) == len(whole) == 6

    interrupted = stream().loader(n_workers)
    list(interrupted)  # the first epoch
    batches: Iterator[Any] = iter(interrupted)
    for _ in range(given):
        next(batches)
    state = json.loads(json.dumps(interrupted.state_dict()))
    del batches
    resumed = stream().loader(2 - n_workers)  # with another number of workers
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert equal(resumed, expected[1][given:])
    assert equal(resumed, stream_of_epoch(stream(), 2))


def stream_of_epoch(stream: Any, epoch: int) -> Any:
    stream.set_epoch(epoch)
    return list(stream)


def test_a_stream_alone_goes_on_in_the_middle_of_an_epoch(uneven: FactorDataset) -> None:
    stream = uneven.to_torch_stream(batch_size=50, shuffle=True)
    expected = list(stream)
    batches = iter(stream)
    next(batches)
    next(batches)
    state = pickle.loads(pickle.dumps(stream.state_dict()))
    other = uneven.to_torch_stream(batch_size=50, shuffle=True)
    other.load_state_dict(state)
    assert equal(other, expected[2:])
    assert equal(other, expected)


@pytest.mark.parametrize(
    "settings", [{"seed": 1}, {"batch_size": 49}, {"shuffle": False}, {"drop_last": True}]
)
def test_a_state_of_other_settings_is_refused(settings: dict[str, Any], uneven: FactorDataset) -> None:
    options = {"batch_size": 50, "shuffle": True}
    state = uneven.to_torch_stream(**options).state_dict()  # type: ignore[arg-type]
    (name,) = settings
    with pytest.raises(ParameterError, match=f"the state has {name} .*; they must be the same"):
        uneven.to_torch_stream(**{**options, **settings}).load_state_dict(state)
    with pytest.raises(ParameterError, match="the state has fingerprint|the state has observations"):
        uneven.select(split="test").to_torch_stream(**options).load_state_dict(state)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="this is no state of a stream"):
        uneven.to_torch_stream(**options).load_state_dict({"epoch": 1})  # type: ignore[arg-type]


def test_persistent_workers_see_the_next_epoch(uneven: FactorDataset) -> None:
    stream = uneven.to_torch_stream(batch_size=100, shuffle=True)
    loader = stream.loader(2, persistent_workers=True)
    found = [list(loader), list(loader)]
    assert equal(found[0], stream_of_epoch(stream, 0))
    assert equal(found[1], stream_of_epoch(stream, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; a whole number from 1 on"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"rank": 2, "world_size": 2}, "rank is 2 of world_size 2; ranks are counted from 0"),
        ({"rank": 0}, "rank and world_size belong together"),
    ],
)
def test_streams_that_make_no_sense_are_refused(
    options: dict[str, Any], message: str, uneven: FactorDataset
) -> None:
    with pytest.raises(ParameterError, match=message):
        uneven.to_torch_stream(**{"batch_size": 4, **options})
    with pytest.raises(ParameterError, match="batch_size: the stream decides that"):
        uneven.to_torch_stream(batch_size=4).loader(batch_size=3)


def test_what_is_not_there_is_refused_with_the_nearest(ds: FactorDataset) -> None:
    with pytest.raises(FactorError, match=r"no split 'tset' \(did you mean 'test'\?\)"):
        ds.to_torch("tset")
    with pytest.raises(FactorError, match=r"no factor 'timber' \(did you mean 'timbre'\?\)"):
        ds.to_torch(target="timber")
    with pytest.raises(FactorError, match="no split"):
        ds.to_torch_stream("tset", batch_size=4)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_transform_that_fails_names_the_row(n_workers: int, ds: FactorDataset) -> None:
    row = int(ds.select(split="test").rows[0])
    loader = torch.utils.data.DataLoader(ds.to_torch("test", transform=broken), num_workers=n_workers)
    with pytest.raises(
        ParameterError, match=rf"row {row}: the transform broken fails with RuntimeError: no idea .* 4000"
    ):
        list(loader)
    loader = torch.utils.data.DataLoader(ds.to_torch("test", transform=ragged), batch_size=16)
    with pytest.raises(ParameterError, match=r"row \d+: the transform returns the shape \(1\d,\), but"):
        list(loader)
    with pytest.raises(
        ParameterError, match=rf"row {row}: the transform broken_target fails with KeyError"
    ):
        ds.to_torch("test", target=broken_target)[0]


def broken_target(values: dict[str, Any]) -> Any:
    return values["pitch"]


@pytest.mark.slow
def test_a_damaged_shard_is_named_by_a_worker(tiny_dataset: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_dataset, tmp_path / "data"))
    (folder / "audio" / "train-000002.tar").unlink()
    loader = torch.utils.data.DataLoader(syngen.load(folder).to_torch(), batch_size=50, num_workers=1)
    with pytest.raises(ShardError, match="row 100: shard train-000002"):
        list(loader)


@pytest.mark.slow
@needs_speech
def test_batches_of_speech_are_padded(spoken: FactorDataset) -> None:
    loader = torch.utils.data.DataLoader(spoken.to_torch(target="gender"), batch_size=5)
    for start, batch in zip(range(0, 12, 5), loader, strict=True):
        waveforms, lengths = spoken.padded(range(start, min(start + 5, 12)))
        np.testing.assert_array_equal(batch["waveform"].numpy(), waveforms)
        assert batch["length"].tolist() == lengths.tolist()
        assert set(batch["target"].tolist()) <= {0, 1}
    items = [spoken.to_torch()[i] for i in range(3)]
    together = torch.utils.data.default_collate(items)
    np.testing.assert_array_equal(together["waveform"].numpy(), spoken.padded(range(3))[0])
    (batch, *_) = torch.utils.data.DataLoader(spoken.to_torch(transform=louder), batch_size=5)
    np.testing.assert_array_equal(batch["features"].numpy(), 2 * spoken.padded(range(5))[0])
    assert batch["length"].tolist() == spoken.lengths[:5].tolist()


def test_rendered_datasets_go_through_workers_too(ds: FactorDataset) -> None:
    live = syngen.render("syntone-tiny").to_torch("test")
    loaders = [
        torch.utils.data.DataLoader(d, batch_size=20, num_workers=1) for d in (live, ds.to_torch("test"))
    ]
    assert equal(*loaders)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, ds: FactorDataset) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(syngen.MissingExtraError, match=r'pip install "syngen-audio\[torch\]"'):
        ds.to_torch()


def test_syngen_does_not_import_torch_by_itself() -> None:
    assert run_python("-c", "import syngen.api, sys; print('torch' in sys.modules)").stdout == "False\n"
