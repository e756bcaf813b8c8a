"""A health check every twenty milliseconds, from a process of its own: what takes long is written to standard output."""

from __future__ import annotations

import http.client
import sys
import time

EVERY = 0.02
#: Less than this is not worth a line.
WORTH = 0.03


def main() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=120)
    while True:
        begun = time.monotonic()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        took = time.monotonic() - begun
        if took > WORTH:
            print(f"{time.monotonic():.6f} {took:.6f}", flush=True)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
