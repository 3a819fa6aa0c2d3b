"""The shop's server and the customers who order while everything else happens. What was acknowledged is remembered."""

import pathlib
import threading
import time
from typing import Self

import psycopg

from rebond.testing.postgres_server import PostgresServer

_EVERY_SECONDS = 0.02
_ARCHIVING = {
    "wal_level": "replica",
    "max_wal_senders": "5",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


def start_server(orders: int = 20_000) -> PostgresServer:
    """Start the shop's server with its orders; nobody archives its log yet."""
    server = PostgresServer(settings=_ARCHIVING)
    server.sql("CREATE DATABASE shop")
    server.sql("CREATE TABLE orders (id bigserial PRIMARY KEY, what text, photo text)", "shop")
    server.sql(f"INSERT INTO orders (what) SELECT 'order ' || g FROM generate_series(1, {orders}) g", "shop")
    return server


def read_orders(server: PostgresServer) -> set[int]:
    """Return the numbers of all orders, once a server that replays its log has come to the end of it."""
    end = time.monotonic() + 60
    while server.sql("SELECT pg_is_in_recovery()", "shop").strip() != "f":  # it answers before that
        if time.monotonic() > end:
            raise SystemExit("demo: the server still replays its log")
        time.sleep(0.05)
    return {int(line) for line in server.sql("SELECT id FROM orders", "shop").split()}


class Customers(threading.Thread):
    """Fifty orders a second, each with a photo that is written first. A context in which they order."""

    def __init__(self, server: PostgresServer, media: pathlib.Path, known: set[int]) -> None:
        super().__init__(name="customers")
        self._connection = server.connection("shop")
        self._photos = media / "photos"
        self._is_open = True
        self.acknowledged: dict[int, float] = dict.fromkeys(known, 0.0)

    def run(self) -> None:
        with psycopg.connect(self._connection, autocommit=True) as connection:
            while self._is_open:
                photo = f"order-{time.time_ns()}.jpg"
                (self._photos / photo).write_bytes(photo.encode() * 200)
                try:
                    row = connection.execute(
                        "INSERT INTO orders (what, photo) VALUES ('one more', %s) RETURNING id", (photo,)
                    ).fetchone()
                except psycopg.OperationalError:  # the server burns
                    return
                if row:
                    self.acknowledged[row[0]] = time.time()
                time.sleep(_EVERY_SECONDS)

    def until(self, moment: float) -> set[int]:
        """Return the orders that were acknowledged before a moment."""
        return {number for number, when in list(self.acknowledged.items()) if when < moment}

    def agree_with(self, known: set[int]) -> None:
        """Forget what was ordered while everything was being deleted."""
        for number in [each for each in list(self.acknowledged) if each not in known]:
            if self.acknowledged[number] < time.time() - 1:
                del self.acknowledged[number]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Order nothing more; may be called twice."""
        self._is_open = False
        self.join()
