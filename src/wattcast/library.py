"""The native library (`native/` at the top of the repository): found, loaded, its version checked. Knows no JAX.

Loading also tells the C library to keep freed memory, without which a quarter of a training step goes into page
faults; `WATTCAST_KEEP_MEMORY=0` in the environment leaves it alone.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

INTERFACE = 6  # wattcast_interface() of the library this package is written for
NAME = "wattcast_native.so"


class Unavailable(RuntimeError):
    """The library is not there, or cannot be used; the message says why."""


@functools.cache
def shared() -> ctypes.CDLL:
    """The loaded library.

    Raises:
        Unavailable: if it was not built, or is of another version.
    """
    # The folders of the whole package: an editable install has two, and only the top of it is sure to know both.
    folders = sys.modules[__name__.partition(".")[0]].__path__
    found = [path for folder in folders if (path := Path(folder) / "kernels" / NAME).is_file()]
    if not found:
        raise Unavailable("the native library was not built (no C++ compiler at installation)")
    try:
        lib = ctypes.CDLL(str(found[0]))
        version = lib.wattcast_interface()
    except (OSError, AttributeError) as error:
        raise Unavailable(f"the native library does not load: {error}") from error
    if version != INTERFACE:
        raise Unavailable(f"the native library has interface {version}, not {INTERFACE}; install wattcast again")
    try:
        lib.wattcast_target.restype = lib.wattcast_target_name.restype = ctypes.c_char_p
        lib.wattcast_saved_floats.restype = ctypes.c_int64
        lib.wattcast_saved_floats.argtypes = [ctypes.c_int, *[ctypes.c_int64] * 4]
        if os.environ.get("WATTCAST_KEEP_MEMORY") != "0":
            lib.wattcast_keep_memory()
    except AttributeError as error:
        raise Unavailable(f"the native library lacks a function; install wattcast again ({error})") from error
    return lib
