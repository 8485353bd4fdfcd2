"""What the kernel offers and the standard library does not: inotify, and holes in files. `ctypes` costs 0.7 MiB."""

import ctypes
import os

__all__ = ["inotify", "punch", "watch"]

_LIBRARY = ctypes.CDLL(None, use_errno=True)
_LIBRARY.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_LIBRARY.inotify_add_watch.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]

_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02  # linux/falloc.h


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def inotify() -> int:
    """A new descriptor that tells of directories. Raises OSError."""
    return _checked(_LIBRARY.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))


def watch(listener: int, directory: int, mask: int) -> int:
    """Have `listener` tell of the directory with that descriptor: the number under which it does. Raises OSError."""
    return _checked(_LIBRARY.inotify_add_watch(listener, b"/proc/self/fd/%d" % directory, mask))


def punch(file: int, start: int, end: int) -> None:
    """Give back the disk from `start` to `end`: zeros are read there, and the file keeps its length. Raises OSError."""
    _checked(_LIBRARY.fallocate(file, _KEEP_SIZE_AND_PUNCH_HOLE, start, end - start))
