"""The injector: Pod annotations in, a JSON Patch out."""

__all__ = ["__version__"]

__version__ = "0.1.0"
"""As pyproject.toml says it too; to ask the installed package would take as long as a short command."""
