"""Where an emptyDir may be mounted: two hundred directories, as design and images have them."""

import pytest

from webhook.pod import paths
from webhook.pod.refused_places import TOKEN_PATH, hidden_by, is_doubtful, is_never_read
from webhook.pod.view import Container, VolumeMount

SYSTEM = """
/bin /bin/x /sbin /sbin/x/log /boot /boot/log /dev /dev/log /dev/shm /dev/shm/app /etc /etc/app /etc/app/logs
/etc/nginx/logs /lib /lib/app /lib/app/log /lib32 /lib32/x /liberty/logs /lib64 /lib64/logs /libx32 /library
/library/logs /libs /libexec/log /proc /proc/1 /proc/1/fd /proc/self/log /run /run/app /run/log /run/log/journal
/run/secrets /run/secrets/kubernetes.io /sys /sys/kernel /sys/fs/log /var/run /var/run/app /var/run/log
/var/run/secrets /var/run/secrets/kubernetes.io /var/run/secrets/kubernetes.io/serviceaccount
/run/secrets/kubernetes.io/serviceaccount
"""
PROGRAMS = """
/usr /usr/bin /usr/bin/log /usr/lib /usr/lib/app /usr/lib/app/logs /usr/lib/log /usr/lib64/app/logs /usr/sbin
/usr/libexec/x/log /usr/local /usr/local/bin /usr/local/log /usr/local/logs /usr/local/tomcat /usr/local/tomcat/work
/usr/local/app/data /usr/local/logs/app /usr/share /usr/share/log /usr/share/nginx /usr/share/nginx/html
/usr/share/app/data /usr/src /usr/src/app /usr/src/log /usr/src/logs /usr/src/app/data /usr/src/app/dist
/usr/include/x/log /usr/games/x/log /usr/log /usr/logs/app /usr/app/logs /usr/home/app/logs /root /root/app
/root/app/data /root/.config /root/data/x
"""
FIRST_LEVEL = """
/app /application /code /config /cache /home /mnt /media /nginx /node /opt /project /server /service /srv /site /state
/storage /src /test /user /var /web /work /workspace /www /Logs /LOG /Data /logging /logfiles /temp /tmpfs /volume
/datadir /a /- /.log /log.d /my-logs /applog
"""
TAKEN = """
/log /logs /data /tmp /log/app /logs/app /logs/a/b/c /data/app /data/logs /tmp/app /tmp/logs/x /data.d/x /app/logs
/app/log /app/data /application/logs /code/logs /home/app /home/app/logs /home/node/.pm2/logs /home/node/app/logs
/mnt/logs /mnt/data/x /opt/app /opt/app/logs /opt/app/current/log /opt/bitnami/apache/logs
/opt/jboss/wildfly/standalone/log /opt/logs /root/logs /root/log /root/.pm2/logs /root/app/logs /root/a/b/c/syslog
/root/catalog /root/.npm/_logs /server/logs /srv/app /srv/app/log /srv/logs /storage/logs /u01/logs /work/logs
/workspace/logs /www/logs /usr/local/apache2/logs /usr/local/tomcat/logs /usr/local/app/log /usr/local/a/b/c/logs
/usr/local/openresty/nginx/logs /usr/local/lib/python3.11/logs /usr/local/var/log /usr/share/elasticsearch/logs
/usr/share/logstash/logs /usr/share/kibana/logs /usr/share/app/logback /usr/share/a/changelog /usr/src/app/logs
/usr/src/app/log /usr/src/redmine/log /usr/src/app/var/log /var/log /var/log/app /var/log/nginx /var/log/pods
/var/log/a/b/c/d /var/www /var/www/html/logs /var/www/app/storage/logs /var/lib/app /var/lib/app/logs
/var/lib/docker/containers /var/lib/mysql /var/opt/app /var/app /var/data/logs /var/tmp /var/cache /var/spool/app
/var/runtime /var/logs /vault/logs /kafka/logs /neo4j/logs /etcd/logs /procfs/logs /system/logs /binaries/logs
/devel/logs /sysroot/logs /runner/logs /bootstrap/logs /usrlocal/logs /rooted/x /Проект/журналы
"""
TABLE = [
    *((directory, "system files") for directory in SYSTEM.split()),
    *((directory, "programs") for directory in PROGRAMS.split()),
    *((directory, "what the image has there") for directory in FIRST_LEVEL.split()),
    *((directory, None) for directory in TAKEN.split()),
    ("/two words/log", None),
    ("/", "the whole file system"),
]

PLAIN = Container(name="app")


def test_has_a_table_of_two_hundred_places() -> None:
    assert len(TABLE) == len(dict(TABLE)) >= 200


@pytest.mark.parametrize(("directory", "what"), TABLE, ids=[directory for directory, _ in TABLE])
def test_hides_nothing_that_an_image_needs(directory: str, what: str | None) -> None:
    assert hidden_by(directory, PLAIN) == what


@pytest.mark.parametrize(
    ("container", "what"),
    [
        (Container(working_dir="/opt/app"), "the working directory"),
        (Container(working_dir="/opt/app/"), "the working directory"),
        (Container(working_dir="/opt/app/deep/er"), "the working directory"),
        (Container(working_dir="/opt"), None),
        (Container(working_dir="/opt/app2"), None),
        (Container(working_dir="/"), None),
        (Container(working_dir=""), None),
        (Container(command=["/opt/app/run"]), "the program"),
        (Container(command=["/opt/app"]), "the program"),
        (Container(command=["run", "/opt/app/x"]), None),
        (Container(command=["sh"], args=["/opt/app/run"]), None),
        (Container(command=[], args=["/opt/app/run"]), "the program"),
        (Container(args=["/opt/app/run"]), "the program"),
        (Container(args=[]), None),
        (Container(volume_mounts=[VolumeMount(name="v", mount_path="/opt/app/data")]), "another mount"),
        (Container(volume_mounts=[VolumeMount(name="v", mount_path="/opt/app/data/")]), "another mount"),
        (Container(volume_mounts=[VolumeMount(name="v", mount_path="/opt/application")]), None),
    ],
)
def test_hides_nothing_that_the_container_needs(container: Container, what: str | None) -> None:
    assert hidden_by("/opt/app", container) == what


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/proc", True),
        ("/proc/1/environ", True),
        ("/process/x", False),
        ("/sys/x", True),
        ("/system/x", False),
        ("/dev/stdout", True),
        ("/devel/x", False),
        (TOKEN_PATH, True),
        (TOKEN_PATH + "/token", True),
        (TOKEN_PATH + "2/x", False),
        ("/run/secrets/kubernetes.io/serviceaccount/token", True),
        ("/var/run/secrets/x", False),
        ("/var/log/app.log", False),
        ("/", False),
    ],
)
def test_never_reads_from_the_kernel_or_the_token(path: str, *, expected: bool) -> None:
    assert is_never_read(path) is expected


DOUBTFUL = """
/opt/app/app.log /opt/app/*.log /opt/app/data/x.log /home/app/app.log /home/app/*/x.log /srv/app/x.log /srv/a/b/c.log
/var/lib/mysql/slow.log /var/lib/x.log /var/www/access.log /var/www/html/*.log /var/log/*/*.log /var/log/*/x.log
/var/log/[a-z]/x.log /var/log/*/*/x.log /opt/app/*/log/x.log
"""
PLAIN_LOGS = """
/var/log/server.log /var/log/*.log /var/log/app/*.log /var/log/app/*/*.log /opt/app/logs/app.log /opt/logs/app.log
/opt/app/log/*/x /home/app/.pm2/logs/x.log /srv/app/catalog/x /var/lib/app/logs/*.log /var/lib/docker-logs/x
/var/www/app/storage/logs/x.log /data/app/x.log /logs/x.log /tmp/x.log /var/opt/app/x.log /mnt/app/x.log /vault/logs/x
/optional/app/x.log /homes/app/x.log /var/libs/x.log /var/wwws/x.log
"""


@pytest.mark.parametrize("text", DOUBTFUL.split())
def test_doubts_where_images_often_hold_something(text: str) -> None:
    path = paths.parse(text)
    assert is_doubtful(path)


@pytest.mark.parametrize("text", PLAIN_LOGS.split())
def test_doubts_no_directory_of_logs(text: str) -> None:
    assert not is_doubtful(paths.parse(text))
