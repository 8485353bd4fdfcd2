"""What the options of several sinks have in common: URLs, TLS, secrets, headers."""

from webhook.config.destinations import Destination, Network, Syslog, Tls
from webhook.sidecars import Shipment, Target, Text, Variable
from webhook.sidecars.vector.literals import Data

__all__ = ["Sink", "auth", "aws_auth", "bearer", "headers", "only_ca", "request", "secret", "tls", "url"]

Sink = dict[str, Data]

_FILES = {"tls.ca": "ca_file", "tls.cert": "crt_file", "tls.key": "key_file"}


def url(network: Network, path: str = "") -> str:
    """The URL of `network`, with `path` behind the port."""
    host = f"[{network.host}]" if ":" in network.host else network.host
    return f"{'https' if network.tls.enabled else 'http'}://{host}:{network.port}{path}"


def tls(settings: Tls, target: Target) -> Sink:
    """The option `tls` of a sink, none where nothing is to be said."""
    if not settings.enabled:
        return {}
    options: Sink = {}
    for field, option in _FILES.items():
        if field in target.files:
            options[option] = target.files[field]
    if not settings.verify:
        options |= {"verify_certificate": False, "verify_hostname": False}
    if settings.server_name:
        options["server_name"] = settings.server_name
    return {"tls": options} if options else {}


def secret(target: Target, field: str) -> Text:
    """The secret that `field` holds."""
    return (target.secrets[field],)


def auth(target: Target) -> Sink:
    """How a sink logs in, where a user or a token is given."""
    if "basic.user" in target.secrets:
        user, password = secret(target, "basic.user"), secret(target, "basic.password")
        return {"auth": {"strategy": "basic", "user": user, "password": password}}
    if "token" in target.secrets:
        return {"auth": {"strategy": "bearer", "token": secret(target, "token")}}
    return {}


def aws_auth(target: Target) -> Sink:
    """The keys for AWS, where any are given."""
    if "keys.access_key_id" not in target.secrets:
        return {}
    return {
        "auth": {
            "access_key_id": secret(target, "keys.access_key_id"),
            "secret_access_key": secret(target, "keys.secret_access_key"),
        }
    }


def headers(target: Target) -> Sink:
    """The headers of the administrator; a header is a template, so a secret in one is asked for as such."""
    return {
        header.name: (Variable(f"template/{target.secrets[f'headers.{number}'].name}"),)
        if f"headers.{number}" in target.secrets
        else str(header.value)
        for number, header in enumerate(target.settings.given_headers)
    }


def request(own: Sink, target: Target) -> Sink:
    """The option `request` of a sink, none where there are neither headers of its `own` nor the administrator's."""
    written = own | headers(target)
    return {"request": {"headers": written}} if written else {}


def bearer(target: Target) -> Text:
    """A token as the value of the header `Authorization`."""
    return ("Bearer ", Variable(f"template/{target.secrets['token'].name}"))


def only_ca(shipment: Shipment) -> str | None:
    """The one CA by which all is verified that is: Vector gets it by the environment, where it may be missing.

    A file of an option that is missing ends Vector. Kafka's client does not read that variable.
    """
    targets = [stream.target for stream in shipment.streams if _has_tls(stream.target.settings)]
    files = {target.files.get("tls.ca") for target in targets}
    return files.pop() if len(files) == 1 and all(target.settings.type != "kafka" for target in targets) else None


def _has_tls(settings: Destination) -> bool:
    tls: Tls | None = getattr(settings, "tls", None)
    if settings.type == "stdout" or (isinstance(settings, Syslog) and settings.protocol != "tls"):
        return False
    return tls is None or tls.enabled
