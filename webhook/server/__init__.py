"""The TLS server: reviews come in on one port, probes and metrics on another."""

from webhook.server.main import Addresses, ServeError, Settings, serve

__all__ = ["Addresses", "ServeError", "Settings", "serve"]
