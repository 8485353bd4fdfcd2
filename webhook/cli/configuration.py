"""The configuration file as commands take it: `--config FILE`."""

from pathlib import Path

from webhook.annotations.defaults import sound
from webhook.cli import contents
from webhook.cli.failures import InputError
from webhook.config.loghook_yaml import Config, ConfigError

__all__ = ["parse", "read"]


def read(path: Path | None) -> Config:
    """The configuration in the file `path`; the built-in one where there is none.

    Raises InputError, with a line for each mistake.
    """
    return Config() if path is None else parse(contents.of(path, str(path)), path)


def parse(written: bytes, path: Path | str) -> Config:
    """The configuration in `written`, which was read from `path`, or from elsewhere.

    Raises InputError, with a line for each mistake.
    """
    try:
        return sound(written.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 (byte {error.start})") from None
    except ConfigError as error:
        raise InputError(str(error)) from None
