# The daemon alone, as a user without rights. Nothing but the package index is needed to build it:
#   docker build -t cliproxy . && docker run --rm -p 127.0.0.1:8317:8317 -v cliproxy:/var/lib/cliproxy cliproxy
FROM python:3.13-slim AS built
COPY . /src
RUN python -m venv /opt/cliproxy && /opt/cliproxy/bin/pip install --no-cache-dir /src

FROM python:3.13-slim
COPY --from=built /opt/cliproxy /opt/cliproxy
COPY etc/container.yaml /etc/cliproxy/config.yaml
RUN useradd --system --home-dir /var/lib/cliproxy --create-home --uid 8317 cliproxy && chmod 0700 /var/lib/cliproxy
USER cliproxy
ENV PATH=/opt/cliproxy/bin:$PATH HOME=/var/lib/cliproxy PYTHONUNBUFFERED=1
WORKDIR /var/lib/cliproxy
# The keys that clients use, accounts, usage and the control socket.
VOLUME /var/lib/cliproxy
EXPOSE 8317
# SIGTERM lets streams finish: give it as long (docker stop --time 100).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8317/healthz', timeout=4)"]
ENTRYPOINT ["cliproxy"]
CMD ["run", "--config", "/etc/cliproxy/config.yaml"]
