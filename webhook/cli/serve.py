"""What `loghook serve` does. It, and all that it imports, is what a serving process carries for ever."""

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from webhook.cli import configuration
from webhook.cli.failures import FailedError, InputError
from webhook.config.loghook_yaml import Config, ConfigError
from webhook.server import ServeError, Settings, serve
from webhook.server.files import read
from webhook.server.tls import PairError, load

__all__ = ["run"]

_CONFIG_LIMIT = 4 * 1024 * 1024  # bytes; a ConfigMap has 1 MiB at most


def run(options: Namespace) -> int:
    """Serve as `options` say until a signal ends it, and return the exit code. Raises CommandError."""
    _read(options.config)
    settings = Settings(
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        tls_names=tuple(options.tls_name),
        client_ca=options.client_ca,
        client_names=frozenset(options.client_name),
        host=options.host,
        port=options.port,
        health_port=options.health_port,
        drain_seconds=options.drain_seconds,
        max_connections=options.max_connections,
        log_level=options.log_level,
        config_files=(options.config,) if options.config else (),
        read_config=lambda: _reread(options.config),
    )
    try:
        load(settings.files(), datetime.now(UTC))  # files that were named wrongly are no failed server
    except PairError as error:
        raise InputError(str(error)) from None
    try:
        serve(settings)
    except ServeError as error:
        raise FailedError(str(error)) from None
    return 0


def _read(path: Path | None) -> Config:
    """The configuration in the file `path`, which must be one: for a FIFO a server would wait for ever.

    Raises InputError.
    """
    if path is None:
        return Config()
    try:
        content = read(path, _CONFIG_LIMIT)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    return configuration.parse(content, path)


def _reread(path: Path | None) -> Config:
    """The configuration, for a server that goes on with the one before where this raises ConfigError."""
    try:
        return _read(path)
    except InputError as error:
        raise ConfigError(str(error)) from None
