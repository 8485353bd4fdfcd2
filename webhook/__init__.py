"""The injector: Pod annotations in, a JSON Patch out."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("loghook")
