# For amd64, arm64 and armv7: all libraries are pure Python but orjson, pydantic-core and websockets, which have wheels
# for these three. Should one have none, the build ends here instead of looking for a compiler.
FROM python:3.13-slim@sha256:881d80734ee05dca6f7f42dcb080975652a53c7eda9ba1f03bb8da31aa6a6ec2 AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/bridge
COPY requirements/run.txt requirements/
RUN /opt/bridge/bin/pip install --only-binary :all: --no-deps --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY packaging/evcc-bridge.1 packaging/
COPY bridge bridge
COPY evcc_simulator evcc_simulator
RUN /opt/bridge/bin/pip install --no-deps . && /opt/bridge/bin/pip uninstall --yes pip

FROM python:3.13-slim@sha256:881d80734ee05dca6f7f42dcb080975652a53c7eda9ba1f03bb8da31aa6a6ec2
LABEL org.opencontainers.image.title="evcc-mqtt-bridge" \
      org.opencontainers.image.description="evcc's REST API as a live, exact MQTT tree" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/bridge /opt/bridge
# nothing is ever written: a read-only file system is fine
ENV PATH="/opt/bridge/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 CMD ["evcc-bridge", "check", "--quick"]
ENTRYPOINT ["evcc-bridge"]
CMD ["run"]
