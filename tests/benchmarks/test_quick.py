"""The pure parts of `make bench-quick`: what is compared, in which order, and what counts as more than noise."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import quick

    return quick


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import released

    return released


def test_the_interval_is_that_of_a_paired_test(quick: ModuleType) -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(1, 2, 6), rng.uniform(1, 2, 6)
    found = quick.compare("a", ours.tolist(), theirs.tolist())
    expected = stats.ttest_1samp(np.log(ours / theirs), 0).confidence_interval(0.99)
    np.testing.assert_allclose([found.low, found.high], np.exp([expected.low, expected.high]))
    assert found.ratio == pytest.approx(stats.gmean(ours / theirs))


def test_chance_alone_is_rarely_named(quick: ModuleType) -> None:
    rng = np.random.default_rng(1)
    pairs = np.exp(0.1 * rng.standard_normal((500, 2, 5)))
    named = sum(quick.compare("a", *map(list, one)).verdict != "within the noise" for one in pairs)
    assert named <= 15


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([1.21, 1.19, 1.2], "20.0% slower"),
        ([0.9, 0.9, 0.9], "10.0% faster"),
        ([1.0, 1.5, 0.9], "within the noise"),
        ([1.0, 1.0, 1.0], "within the noise"),
    ],
)
def test_what_exceeds_the_noise_is_said(quick: ModuleType, ours: list[float], verdict: str) -> None:
    found = quick.compare("fit", ours, [1.0] * 3)
    assert found.verdict == verdict
    text = quick.text_of([found], "0.1.0", ["Not measured: b, as it fails."])
    assert f"{verdict} |" in text and "Not measured: b" in text
    assert (f"Slower than 0.1.0 beyond the noise: fit ({verdict})." in text) == verdict.endswith("slower")
    assert ("Nothing of this is slower" in text) != verdict.endswith("slower")


def test_who_is_first_changes_from_pair_to_pair(quick: ModuleType) -> None:
    class Stand:
        def __init__(self, name: str, seconds: Iterator[float]) -> None:
            self.name, self.seconds = name, seconds

    asked = list[str]()

    def measure(side: Stand) -> float:
        asked.append(side.name)
        return next(side.seconds)

    ours, theirs = Stand("ours", iter((9.0, 2.0, 4.0, 6.0))), Stand("theirs", iter((9.0, 1.0, 2.0, 3.0)))
    found = quick.in_pairs(quick.Figure("a", "a", measure), ours, theirs, 3)
    assert "".join(name[0] for name in asked) == "ot" + "ot" + "to" + "ot"
    assert found.ratio == pytest.approx(2.0) and (found.ours, found.theirs) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("tags", "has", "name"),
    [
        ("v0.9.0\nv0.10.0\nv1.0.0rc1\n", True, "0.10.0"),
        ("v0.9.0\nv0.10.0\n", False, "v0.10.0"),
        ("", True, "0.3.0"),
        ("", False, None),
    ],
)
def test_the_release_is_found(
    released: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tags: str, has: bool, name: str | None
) -> None:
    """From the index where that has it; else from the tag; without either there is a word about what to do."""
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [0.3.0] - 2026-01-02\n\n## [0.2.0] - 2026-01-01\n")
    monkeypatch.setattr(released, "ROOT", tmp_path)
    monkeypatch.setattr(released, "_asked", lambda _: tags)
    monkeypatch.setattr(released, "_from_index", lambda version, _: Path(f"{version}.whl") if has else None)
    monkeypatch.setattr(released, "_built_from", lambda revision, _: Path(f"{revision}.whl"))
    if name is None:
        with pytest.raises(released.NoReleaseError, match="AGAINST="):
            released.find_release(None, tmp_path / "release")
    else:
        assert released.find_release(None, tmp_path / "release") == (name, Path(f"{name}.whl"))
    assert released.find_release("main~3", tmp_path / "named") == ("main~3", Path("main~3.whl"))


def test_a_commit_that_is_not_there_is_told(released: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(released.NoReleaseError, match="'no/such' is no commit"):
        released.find_release("no/such", tmp_path / "release")
