"""A Kafka broker of one node (KRaft) with a listener for all, and one for those who log in."""

import json
import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError
from parts import PATIENCE, Process, answers, jars, until
from ports import free_port

__all__ = ["SECRET", "USER", "Broker"]

USER = SECRET = "shipper"  # noqa: S105 - of a broker that lives as long as a test; the agents' secrets have one value
_CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=OPEN://127.0.0.1:{open},LOGIN://127.0.0.1:{login},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=OPEN:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=OPEN
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config={plain}.PlainLoginModule required user_{user}="{secret}";
listener.name.login.scram-sha-256.sasl.jaas.config={scram}.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config={scram}.ScramLoginModule required;
log.dirs={folder}/data
log.retention.ms=-1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
auto.create.topics.enable=false
"""
_MODULES = "org.apache.kafka.common.security"


class Broker:
    """A running broker, whose topics are the administrator's to make."""

    def __init__(self, folder: Path) -> None:
        java = jars("kafka", "a Kafka broker")
        self.port, self.login_port = free_port(), free_port()
        config = folder / "server.properties"
        config.write_text(
            _CONFIG.format(
                open=self.port,
                login=self.login_port,
                controller=free_port(),
                plain=f"{_MODULES}.plain",
                scram=f"{_MODULES}.scram",
                user=USER,
                secret=SECRET,
                folder=folder,
            ),
            "utf-8",
        )
        scram = [f"{mechanism}=[name={USER},password={SECRET}]" for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
        users = [word for each in scram for word in ("--add-scram", each)]
        log = folder / "log"
        cluster: list[str | Path] = ["--cluster-id", "AAAAAAAAAAAAAAAAAAAAAA", "--config", config]
        Process([*java, "kafka.tools.StorageTool", "format", *cluster, *users], log).run()
        self._process = Process([*java, "kafka.Kafka", config], log)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process.start(lambda: answers(self.port) and self._is_up())

    def _is_up(self) -> bool:
        try:
            KafkaAdminClient(bootstrap_servers=self.address, bootstrap_timeout_ms=int(1000 * PATIENCE)).close()
        except KafkaError:
            return False
        return True

    def stop(self) -> None:
        self._process.stop(signal.SIGKILL)

    def make(self, topic: str, **settings: Any) -> None:
        """Make a topic as an administrator would, with settings of its own (`max_message_bytes=1000`)."""
        with closing(KafkaAdminClient(bootstrap_servers=self.address)) as admin:
            new = NewTopic(topic, num_partitions=1, replication_factor=1, topic_configs=_named(settings))
            admin.create_topics([new])

    def change(self, topic: str, **settings: Any) -> None:
        """Give a topic other settings."""
        with closing(KafkaAdminClient(bootstrap_servers=self.address)) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=_named(settings))])

    def wait_for(self, topic: str, are_there: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The records of `topic`, as soon as `are_there` is content with them."""
        found: list[dict[str, Any]] = []
        consumer = KafkaConsumer(
            topic, bootstrap_servers=self.address, auto_offset_reset="earliest", metadata_max_age_ms=500, group_id=None
        )
        try:

            def come() -> bool:
                for messages in consumer.poll(timeout_ms=200).values():
                    found.extend(json.loads(message.value) for message in messages)
                return are_there(found)

            assert until(come), [str(record)[:200] for record in found]
        finally:
            consumer.close()
        return found


def _named(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name.replace("_", "."): str(value) for name, value in settings.items()}
