"""What a configuration asks for and this version does not carry out: whoever relies on it has to know."""

from collections.abc import Iterator

from rebond.stack.advice.observing import Observation, Scene, Weight

CHECK = "configuration"


def check_not_yet(scene: Scene) -> Iterator[Observation]:
    """Yield a note for each part of the configuration that is read, judged, and does nothing yet."""
    configuration = scene.configuration
    if configuration.replica:
        yield Observation(
            check=CHECK,
            code="not-copied",
            weight=Weight.NOTE,
            template="This version copies nothing to {names}: copy the folder or bucket of the vault there with "
            "another tool (rsync, rclone), and look at the copy with 'rebond verify --vault ADDRESS'.",
            values={"names": ", ".join(each.name for each in configuration.replica)},
        )
    if configuration.notify is not None:
        yield Observation(
            check=CHECK,
            code="not-told",
            weight=Weight.NOTE,
            template="This version tells nobody of what [notify] names: a unit of systemd tells by OnFailure=, cron by "
            "mail; else look at 'rebond history' and 'rebond status' every day.",
        )
    serve = configuration.serve
    if serve is not None and (serve.textfile is not None or serve.names == "guide"):
        yield Observation(
            check=CHECK,
            code="not-measured",
            weight=Weight.NOTE,
            template="This version writes no metrics for Prometheus: 'rebond status --json' and /healthz of 'rebond "
            "serve' have the figures.",
        )
