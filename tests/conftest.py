"""What several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Tests compile much and compute little (`quick` below asks the same of training).
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

#: Files that take longest: they begin first, so that no worker is left alone with one at the end.
LONG = ["test_estimator.py", "test_train.py", "test_live.py", "test_code.py", "test_masked.py", "test_site.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, else the order of paths."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the real data sets; tests that need it are skipped where it is not there."""
    named = os.environ.get("WATTCAST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder of real data at {folder} (WATTCAST_DATA names another)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """What JAX compiles once serves all workers, processes that tests start, and later runs; those find the package."""
    import jax  # noqa: PLC0415  (the flags above come first)

    import wattcast  # noqa: PLC0415

    os.environ["PYTHONPATH"] = str(Path(wattcast.__file__).parents[1])
    settings = {
        "jax_compilation_cache_dir": str(Path(__file__).parents[1] / "build" / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """XLA holds memory maps for all it compiled, and Linux kills a process of 65,530: no file leaves its own."""
    yield
    import jax

    jax.clear_caches()


@pytest.fixture(scope="session", autouse=True)
def quick() -> None:
    """What is trained for a few batches is not worth polishing."""
    from wattcast.train import compiled

    compiled.PLAIN = compiled.UNPOLISHED


@pytest.fixture(scope="session", autouse=True)
def strict_jax() -> None:
    """No silent change of type or rank."""
    import jax

    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
