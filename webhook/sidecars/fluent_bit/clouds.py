"""How Fluent Bit is told of what the clouds have for logs: Amazon's, Google's and Microsoft's."""

from webhook.config import destinations
from webhook.sidecars import STATE_DIRECTORY
from webhook.sidecars.fluent_bit import connections
from webhook.sidecars.fluent_bit.connections import JSON, Options, To
from webhook.sidecars.fluent_bit.literals import value

__all__ = ["azure", "cloudwatch", "google_cloud", "s3"]

_UPLOADS = 1_000_000
"""How often the output of S3 tries to upload an object: it takes `no_limits` for 5 times, and then puts it aside."""


def s3(to: To[destinations.S3]) -> Options:
    """The output for S3, which collects objects in the state volume."""
    prefix = value(to.target.templates["prefix"]).strip("/")
    return {
        "name": "s3",
        "bucket": to.settings.bucket,
        "region": to.settings.region,
        **({"endpoint": to.settings.endpoint} if to.settings.endpoint else {}),
        "s3_key_format": f"/{prefix}/%Y/%m/%d/%H/%M/%S-$UUID.gz",
        "store_dir": f"{STATE_DIRECTORY}/s3/{to.stream.tag}",
        "store_dir_limit_size": to.disk_bytes,
        "retry_limit": _UPLOADS,
        "use_put_object": True,
        "total_file_size": "5M",
        "upload_timeout": "1m",
        "compression": "gzip",
        "static_file_path": True,
        "preserve_data_ordering": True,
        **JSON,
    }


def cloudwatch(to: To[destinations.CloudWatch]) -> Options:
    """The output for CloudWatch Logs."""
    return {
        "name": "cloudwatch_logs",
        "region": to.settings.region,
        **connections.named(to.target, {"group": "log_group_name", "stream": "log_stream_name"}),
        "auto_create_group": to.settings.create_group,
        **({"log_retention_days": to.settings.retention_days} if to.settings.retention_days else {}),
        **_endpoint(to.settings.endpoint),
    }


def _endpoint(url: str | None) -> Options:
    """The host and port of a URL, as the output of CloudWatch takes them. It speaks TLS, and only TLS."""
    if url is None:
        return {}
    host, _, port = url.removeprefix("https://").partition(":")
    return {"endpoint": host, "port": int(port or 443)}


def google_cloud(to: To[destinations.GoogleCloud]) -> Options:
    """The output for Google Cloud Logging."""
    own = {
        "project_id": to.settings.project,
        "location": to.settings.location,
        "cluster_name": to.settings.cluster,
        **{
            key: value(to.stream.attributes[name], 1)
            for key, name in _K8S_CONTAINER.items()
            if name in to.stream.attributes
        },
    }
    return {
        "name": "stackdriver",
        "resource": "k8s_container",
        "export_to_project_id": to.settings.project,
        "k8s_cluster_name": to.settings.cluster,
        "k8s_cluster_location": to.settings.location,
        "resource_labels": ",".join(f"{key}={text}" for key, text in own.items()),
        **({"google_service_credentials": to.target.files["credentials"]} if "credentials" in to.target.files else {}),
        "severity_key": "level",
        "compress": "gzip",
    }


_K8S_CONTAINER = {
    "namespace_name": "k8s.namespace.name",
    "pod_name": "k8s.pod.name",
    "container_name": "k8s.container.name",
}


def azure(to: To[destinations.Azure]) -> Options:
    """The output for the ingestion of logs of Azure Monitor."""
    return {
        "name": "azure_logs_ingestion",
        "tenant_id": to.settings.tenant,
        **connections.secrets(to.target, {"client_id": "client_id", "client_secret": "client_secret"}),
        "dce_url": to.settings.endpoint,
        "dcr_id": to.settings.rule,
        "table_name": to.settings.table,
        "time_key": "TimeGenerated",
        "time_generated": True,
        "compress": True,
    }
