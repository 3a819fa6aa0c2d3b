"""Clocks: every rule of retention, and every promise about time, counts on them."""

from collections.abc import Iterator

from rebond.stack.advice.installing import install_command
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.asking import ask_program
from rebond.units import format_span

CHECK = "clock"
PATIENCE_SECONDS = 2.0
TOLERATED_MS = 10 * 60 * 1000


def check_clock(scene: Scene) -> Iterator[Observation]:
    """Yield a clock that nobody sets."""
    asked = ask_program(
        ("timedatectl", "show", "--property=NTPSynchronized", "--property=CanNTP"),
        environment=scene.environment,
        timeout_seconds=PATIENCE_SECONDS,
    )
    said = set(asked.output.split())
    if asked.is_good and "NTPSynchronized=no" in said:
        yield Observation(
            check=CHECK,
            code="clock-unset",
            weight=Weight.WARNING,
            template="No time server sets this machine's clock.",
            # Without a program that asks time servers, timedatectl only says that it cannot.
            command=install_command("systemd-timesyncd", scene.environment, is_root=scene.is_root)
            if "CanNTP=no" in said
            else scene.root_command("timedatectl", "set-ntp", "true"),
        )


def compare_clocks(scene: Scene, *, store_offset_ms: int | None, newest_ms: int | None) -> Iterator[Observation]:
    """Yield a store, or a snapshot, whose time is far from ours. The offset is the store's time minus ours."""
    if store_offset_ms is not None and abs(store_offset_ms) > TOLERATED_MS:
        yield Observation(
            check=CHECK,
            code="clock-differs",
            weight=Weight.WARNING,
            template="The vault's clock and this machine's differ by {span}.",
            values={"span": format_span(abs(store_offset_ms) / 1000)},
            command=scene.root_command("timedatectl", "set-ntp", "true"),
        )
    now_ms = scene.clock.now_ms()
    if newest_ms is not None and newest_ms > now_ms + TOLERATED_MS:
        yield Observation(
            check=CHECK,
            code="clock-behind",
            weight=Weight.WARNING,
            template="The newest snapshot is {span} in the future: this machine's clock is behind, or was ahead.",
            values={"span": format_span((newest_ms - now_ms) / 1000)},
            command=scene.root_command("timedatectl", "set-ntp", "true"),
        )
