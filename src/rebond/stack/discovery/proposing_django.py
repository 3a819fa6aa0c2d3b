"""What is proposed for the uploads and static files of Django; what its settings do not tell is said."""

import os
import shlex
from pathlib import Path

from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.proposal import Lines, ProposedPart
from rebond.stack.discovery.proposing_services import choose_name
from rebond.stack.discovery.remarks import Remark
from rebond.stack.discovery.written_paths import write_path, write_pattern
from rebond.stack.django_code.django_settings import DjangoProject


class DjangoProposals:
    """Proposals for the projects of a directory; ``taken`` are the names of components so far.

    ``others`` are patterns of what these components save, ``left_out`` of what nobody need save.
    """

    def __init__(self, surveyed: Surveyed, taken: set[str]) -> None:
        self._found = surveyed
        self._taken = taken
        self.parts: list[ProposedPart] = []
        self.others: list[str] = []
        self.left_out: list[str] = []
        self.remarks: list[Remark] = []

    def propose(self) -> None:
        """Fill the lists."""
        for project in self._found.django:
            self._add_media(project)
            if project.static and project.static != self._found.directory:
                self._add_static(project, project.static)
        for manage in self._found.other_manages:
            self.remarks.append(
                Remark(
                    template="The settings of {manage} were not found, so nobody looked which databases and uploads "
                    "they name. DJANGO_SETTINGS_MODULE can name them.",
                    values={"manage": self._shorten(manage)},
                )
            )

    def _add_media(self, project: DjangoProject) -> None:
        manage = self._shorten(project.manage)
        if project.storage:
            self.remarks.append(
                Remark(
                    template="By the settings of {manage}, uploads go to {storage}. What lies there is not saved.",
                    values={"manage": manage, "storage": project.storage},
                )
            )
        if "MEDIA_ROOT" in project.untold:
            self.remarks.append(
                Remark(
                    template="MEDIA_ROOT of {manage} cannot be told without running it. If uploads lie outside of this "
                    "directory, write a component for them.",
                    values={"manage": manage},
                )
            )
        media = project.media
        if media is None or media == self._found.directory:
            return
        if os.path.isdir(media):
            self._add_folder(media, project)
        elif not self._is_inside(media) and not self._is_mounted(media):
            self.remarks.append(
                Remark(
                    template="MEDIA_ROOT of {manage} is {path}, which is not on this machine: what users uploaded is "
                    "not saved.",
                    values={"manage": manage, "path": str(media)},
                )
            )

    def _add_folder(self, media: Path, project: DjangoProject) -> None:
        name = choose_name("media", f"media-{project.manage.parent.name}", self._taken)
        path = self._shorten(media)
        uploads = Remark(
            template="MEDIA_ROOT of {manage}: what users uploaded.", values={"manage": self._shorten(project.manage)}
        )
        self.parts.append(
            ProposedPart(
                heading=f"component.{name}",
                lines={"kind": "files", "path": write_path(path), "allow_empty": True, "priority": "P1"},
                remarks=(uploads,),
            )
        )
        if self._is_inside(media):
            self.others.append(write_pattern(path, is_folder=True))

    def _add_static(self, project: DjangoProject, static: Path) -> None:
        """Propose to make the files again; the folder is left out where nothing in it is somebody's own."""
        name = choose_name("static", f"static-{project.manage.parent.name}", self._taken)
        folder = self._shorten(project.manage.parent)
        run = "python manage.py collectstatic --noinput"
        lines: Lines = {"kind": "regenerable", "run": run if folder == "." else f"cd {shlex.quote(folder)} && {run}"}
        remark = Remark(template="STATIC_ROOT: made again after a restore, and not saved.")
        own = [*project.sources, project.manage, *([project.media] if project.media else [])]
        if any(each.is_relative_to(static) for each in own):
            remark = Remark(template="STATIC_ROOT: made again after a restore; saved, since it holds other files too.")
        elif self._is_inside(static):
            self.left_out.append(write_pattern(self._shorten(static), is_folder=True))
        self.parts.append(ProposedPart(heading=f"component.{name}", lines=lines, remarks=(remark,)))

    def _is_mounted(self, path: Path) -> bool:
        """Say whether the path is one inside containers, where a volume or folder is mounted: that one is judged."""
        services = self._found.compose.services.values() if self._found.compose else ()
        return any(path.is_relative_to(mount.target) for each in services for mount in each.mounts)

    def _shorten(self, path: Path) -> str:
        directory = self._found.directory
        return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)

    def _is_inside(self, path: Path) -> bool:
        return path.is_relative_to(self._found.directory)
