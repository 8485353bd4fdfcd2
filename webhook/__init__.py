"""The injector: Pod annotations in, a JSON Patch out."""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    """The version, as it is installed; looked up when asked for: that takes as long as a short command."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import version  # noqa: PLC0415 - as said above

    globals()[name] = version("loghook")
    return str(globals()[name])
