"""``make demo``: an application is backed up, lost, restored and compared, with the commands that one would type."""

import datetime
import pathlib
import signal
import tempfile
import time

from demo.application import CONFIGURATION, live_a_day, plant_application, read_sessions
from demo.commands import Demo
from demo.comparing import describe_tree, require, require_same
from demo.customers import Customers, read_orders, start_server

from rebond.testing.postgres_server import PostgresServer

_GAP_IN_THE_LOG = 34
_MARGIN_SECONDS = 0.3  # between an order and what is told of it
_COMPARED_OTHERWISE = ("sessions.db", ".env", "rebond.toml", "media/photos")
Figures = dict[str, str]


def heading(text: str) -> None:
    print(f"\n--- {text} {'-' * (92 - len(text))}", flush=True)


def play(demo: Demo) -> Figures:
    """Play the life and the end of the shop; return what was measured."""
    heading("An application: code, photos, a film, a forest of modules, PostgreSQL, SQLite, an .env")
    plant_application(demo.shop)
    with start_server() as server:
        demo.has_programs(server.programs)
        (demo.shop / "rebond.toml").write_text(CONFIGURATION.replace("SOCKET", server.socket_folder))
        files = [path for path in demo.shop.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        print(f"{len(files)} files, {size / 1e6:.0f} MB, a server with 20000 orders, and a rebond.toml:\n")
        print("".join(f"    {line}\n" for line in CONFIGURATION.splitlines()), end="")

        heading("A vault; PostgreSQL's log goes there as it is written")
        demo.place = demo.shop
        demo.run("vault", "create", str(demo.vault), "--kit", str(demo.folder / "kit.txt"))
        with demo.receiving(), Customers(server, demo.shop / "media", read_orders(server)) as customers:
            return {
                "at first": f"{size / 1e6:.0f} MB of files and a database",
                **back_up(demo),
                **rewind(demo, server, customers),
                **prove(demo),
                **burn(demo, server, customers),
            }


def back_up(demo: Demo) -> Figures:
    heading("Customers order, 50 times a second, while everything is saved as of one moment")
    first = demo.run("backup", "--tag", "monday")
    live_a_day(demo.shop)
    second = demo.run("backup", "--tag", "tuesday")
    demo.run("snapshots")

    heading("A volume is not mounted: no snapshot is made of nothing, and the last good one stays the latest")
    with demo.unmounted("node_modules"):
        demo.run("backup", allowed=(32,))
    return {"first snapshot": f"{first:.1f} s, under load", "after a day": f"{second:.1f} s"}


def rewind(demo: Demo, server: PostgresServer, customers: Customers) -> Figures:
    heading("Somebody deletes every order. They come back as of the moment before")
    moment = time.time()
    time.sleep(_MARGIN_SECONDS)
    server.sql("DELETE FROM orders", "shop")
    print("DELETE FROM orders;")
    text = datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")
    wanted = ("restore", "--at", text, "orders", "--to", str(demo.folder / "rewound"))
    demo.wait_while(_GAP_IN_THE_LOG, *wanted, "--dry-run")  # the log of that moment is on its way
    seconds = demo.run(*wanted)
    with PostgresServer(adopts=demo.folder / "rewound" / "orders") as again:
        found, rows = read_orders(again), again.sql("COPY orders TO STDOUT", "shop")
    require(customers.until(moment - _MARGIN_SECONDS) <= found, "orders of before that moment are missing")
    require(found <= customers.until(moment + _MARGIN_SECONDS), "orders of after that moment are there")
    server.sql(f"COPY orders FROM STDIN;\n{rows}\\.\n", "shop")
    customers.agree_with(read_orders(server))
    print(f"{len(found)} orders are there again, those of the last second too; they are put back into the shop")
    return {"to a second": f"{seconds:.1f} s, {len(found)} orders as of the moment before they were deleted"}


def prove(demo: Demo) -> Figures:
    heading("Would it come back? A drill restores the latest snapshot, starts it, asks, and throws it away")
    missed = 5  # an objective, on a machine that is slow: it is said, and is no reason to stop here
    seconds = demo.run("drill", allowed=(0, missed))
    demo.run("status", allowed=(0, missed))
    return {"drill": f"{seconds:.1f} s"}


def burn(demo: Demo, server: PostgresServer, customers: Customers) -> Figures:
    heading("The server burns: no files, no database, no configuration any more")
    before, sessions = describe_tree(demo.shop, _COMPARED_OTHERWISE), read_sessions(demo.shop)
    secret = (demo.shop / ".env").read_bytes()
    burnt_at = time.time()
    demo.burn()
    server.stop(signal.SIGKILL)
    server.remove()
    customers.leave()
    ordered = customers.until(burnt_at)
    print("What is left is the vault, and the passphrase in the safe.")

    heading("It comes back, with nothing else")
    began = time.monotonic()
    back = demo.folder / "back"
    demo.run("recover", str(demo.vault), "--to", str(back), "--yes")
    demo.place = back
    demo.run("restore", "--at", "latest", "orders", "--to", str(demo.folder / "database"))
    with PostgresServer(adopts=demo.folder / "database" / "orders") as again:
        found = read_orders(again)
    recovery_seconds = time.monotonic() - began
    verify_seconds = demo.run("verify", "--read-data")

    heading("What came of it")
    require_same(before, describe_tree(back, _COMPARED_OTHERWISE))
    require(read_sessions(back) == sessions, "the sessions are not what they were")
    require((back / ".env").read_bytes() == secret, "the secrets are not what they were")
    lost = [burnt_at - customers.acknowledged[number] for number in ordered - found]
    stored = sum(path.stat().st_size for path in demo.vault.rglob("*") if path.is_file())
    return {
        "every byte read": f"{verify_seconds:.1f} s, {stored / 1e6:.0f} MB in the vault",
        "compared": f"{len(before)} paths: content, kind, mode and time of each are identical",
        "recovery time": f"{recovery_seconds:.1f} s until the server answers again; promised: 5 minutes",
        "recovery point": f"the last {max(lost, default=0.0):.1f} s, {len(lost)} orders, are lost; promised: 1 minute",
    }


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rebond-demo-") as folder:
        figures = play(Demo(pathlib.Path(folder)))
    for name, figure in {**figures, "all of it": f"{time.monotonic() - began:.0f} s"}.items():
        print(f"  {name:<16} {figure}")
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
