"""The account's own process, with the lowest priority: it must not take the processor from the server by itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence

import httptools

from bench.fairness.kinds import KINDS, Account, honest


class _Answer:
    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.change_id: str | None = None
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"change-id":
            self.change_id = value.decode()

    def on_message_complete(self) -> None:
        self.complete = True


class Load:
    """Sends requests until the time is over, or until there are enough of them, evenly spread over the time."""

    def __init__(
        self, account: Account, requests: Sequence[bytes], connections: int, addresses: int, seconds: float
    ) -> None:
        self._account = account
        self._requests = requests
        self._connections = connections
        self._addresses = addresses
        self._seconds = seconds
        self._change_id = str(account.change_id)
        self._sent = 0
        self.statuses: Counter[int] = Counter()

    async def run(self, count: int | None) -> None:
        self._began = time.perf_counter()
        await asyncio.gather(*(self._connection(number, count) for number in range(self._connections)))

    async def _connection(self, number: int, count: int | None) -> None:
        here = (f"127.0.0.{1 + number % self._addresses}", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._account.port, local_addr=here)
        while (passed := time.perf_counter() - self._began) < self._seconds and (count is None or self._sent < count):
            turn, self._sent = self._sent, self._sent + 1
            if count is not None:
                await asyncio.sleep(max(turn * self._seconds / count - passed, 0))
            request = self._requests[turn % len(self._requests)]
            writer.write(request.replace(b"{id}", self._change_id.encode(), 1))
            answer = _Answer()
            while not answer.complete:
                try:
                    data = await reader.read(262_144)
                except ConnectionError:
                    data = b""
                if not data:  # the server closes what asks too much
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._account.port, local_addr=here)
                    break
                answer.parser.feed_data(data)
            else:
                self.statuses[answer.parser.get_status_code()] += 1
                self._change_id = answer.change_id or self._change_id
        writer.close()


def main() -> None:
    """Take what to do as JSON, and tell what was answered as JSON."""
    os.nice(19)
    wanted = json.loads(sys.argv[1])
    account = Account(**wanted["account"])
    kind = KINDS[wanted["kind"]]
    count = wanted["count"]
    requests = kind.requests(account) if count is None else honest(account)
    load = Load(account, requests, kind.connections, kind.addresses, wanted["seconds"])
    asyncio.run(load.run(count))
    print(json.dumps(load.statuses))


if __name__ == "__main__":
    main()
