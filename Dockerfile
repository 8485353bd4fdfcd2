# syntax=docker/dockerfile:1
# Two stages: the first has pip and builds the wheel, the second has what runs and nothing to build or install with.
ARG PYTHON=docker.io/library/python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/loghook
COPY pyproject.toml README.md LICENSE CHANGELOG.md requirements.txt ./
RUN python -m pip --python /opt/loghook install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt
COPY webhook webhook
COPY certs certs
COPY docs/loghook.1 docs/loghook.1
# `aio` is the asynchronous client, half of the kubernetes package, which nothing here uses.
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
 && python -m pip --python /opt/loghook install --no-cache-dir --no-deps /dist/loghook-*.whl \
 && rm -rf /opt/loghook/lib/python3*/site-packages/kubernetes/aio \
 && python -m compileall -q /opt/loghook/lib

FROM ${PYTHON}
LABEL org.opencontainers.image.title="loghook" \
      org.opencontainers.image.description="Turns log files into logs, from Pod annotations" \
      org.opencontainers.image.licenses="Apache-2.0"
# What a running container has no use for is only there for whoever breaks in.
RUN python -m pip uninstall --yes --root-user-action=ignore pip setuptools wheel 2>/dev/null || true; \
    rm -rf /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* /usr/local/bin/idle* /root/.cache
COPY --from=build /opt/loghook /opt/loghook
# The reader of log files starts without the site's packages, so its place must not depend on Python's version.
RUN ln -s lib/python3*/site-packages/webhook/reader /opt/loghook/reader
ENV PATH=/opt/loghook/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
# The webhook is `webhook serve …`, the certificate controller `certs run …`.
ENTRYPOINT ["python", "-m"]
CMD ["webhook", "--help"]
EXPOSE 8443 8080
