"""A real project of Django: an application with files of every sort, its migrations, its rows and its files."""

import os
import pathlib
import subprocess
import sys
import textwrap

from rebond.testing.postgres_server import PostgresServer

_FILES = {
    "manage.py": """
        import os, sys
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings.production")
        """,
    "site_settings/__init__.py": "",
    "site_settings/production.py": """
        import os
        from pathlib import Path
        BASE_DIR = Path(__file__).resolve().parent.parent
        SECRET_KEY = "not secret"
        INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "gallery", "staff.apps.StaffConfig"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "site", "USER": "postgres",
                                 "HOST": os.environ["SITE_HOST"]}}
        MEDIA_ROOT = BASE_DIR / "media"
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        SILENCED_SYSTEM_CHECKS = ["fields.E210"]  # Pillow is not needed to keep paths
        USE_TZ = True
        """,
    "gallery/__init__.py": "",
    "gallery/fields.py": """
        from django.db.models import ImageField as Picture
        class SmallPicture(Picture):
            description = "a small one"
        class Words(__import__("django.db.models", fromlist=["x"]).CharField):
            description = "no file, whatever it is called"
        """,
    "gallery/models.py": """
        from django.core.files.storage import FileSystemStorage
        from django.db import models
        from gallery.fields import SmallPicture
        class Owned(models.Model):
            portrait = SmallPicture(upload_to="portraits", blank=True)
            class Meta:
                abstract = True
        class Photo(models.Model):
            title = models.CharField(max_length=100)
            image = models.ImageField(upload_to="photos", max_length=200)
            scan = models.FileField(upload_to="scans", blank=True, null=True)
            thumbnail = models.CharField(max_length=100, blank=True)
        class Poster(Photo):
            class Meta:
                proxy = True
        class Document(Owned):
            attachment = models.FileField(upload_to="papers", db_column="Att's File")
            class Meta:
                db_table = "Paper's work"
        class Report(Document):
            appendix = models.FileField(upload_to="appendices", blank=True)
        class Sheet(models.Model):
            paper = models.FileField(upload_to="sheets")
        class Contract(models.Model):
            signed = models.FileField(storage=FileSystemStorage(location="/srv/elsewhere"))
        """,
    "gallery/migrations/__init__.py": "",
    "gallery/migrations/0001_initial.py": """
        import django.db.models.deletion
        import gallery.fields
        from django.db import migrations, models
        class Migration(migrations.Migration):
            initial = True
            dependencies = []
            operations = [
                migrations.CreateModel("Photo", [
                    ("id", models.BigAutoField("ID", auto_created=True, primary_key=True, serialize=False)),
                    ("title", models.CharField(max_length=100)),
                    ("picture", models.CharField(max_length=200)),
                    ("scan", models.FileField(blank=True, null=True, upload_to="scans")),
                    ("leaflet", models.FileField(upload_to="leaflets", default="")),
                ]),
                migrations.CreateModel(
                    name="Document",
                    fields=[
                        ("id", models.BigAutoField("ID", auto_created=True, primary_key=True, serialize=False)),
                        ("portrait", gallery.fields.SmallPicture(blank=True, upload_to="portraits")),
                        ("attachment", models.FileField(db_column="Att's File", upload_to="papers")),
                    ],
                    options={"db_table": "Paper's work"},
                ),
                migrations.CreateModel(
                    name="Leaf",
                    fields=[
                        ("id", models.BigAutoField("ID", auto_created=True, primary_key=True, serialize=False)),
                            ("paper", models.FileField(upload_to="sheets"))],
                ),
                migrations.CreateModel(name="Doomed", fields=[("file", models.FileField())]),
            ]
        """,
    "gallery/migrations/0002_later.py": """
        import django.core.files.storage
        import django.db.models.deletion
        from django.db import migrations, models
        class Migration(migrations.Migration):
            dependencies = [("gallery", "0001_initial")]
            operations = [
                migrations.RenameField("photo", "picture", "image"),
                migrations.AlterField("Photo", "image", models.ImageField(max_length=200, upload_to="photos")),
                migrations.RemoveField(model_name="photo", name="leaflet"),
                migrations.AddField(model_name="photo", name="thumbnail",
                                    field=models.CharField(blank=True, default="", max_length=100),
                                    preserve_default=False),
                migrations.CreateModel(name="Poster", fields=[], options={"proxy": True}, bases=("gallery.photo",)),
                migrations.CreateModel(
                    name="Report",
                    fields=[("document_ptr", models.OneToOneField(auto_created=True, primary_key=True, parent_link=True,
                                 on_delete=django.db.models.deletion.CASCADE, serialize=False, to="gallery.document")),
                            ("appendix", models.FileField(blank=True, upload_to="appendices"))],
                    bases=("gallery.document",),
                ),
                migrations.RenameModel("Leaf", "Sheet"),
                migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Doomed")],
                    database_operations=[migrations.RunSQL("DROP TABLE gallery_doomed")]),
                migrations.CreateModel(
                    name="Contract",
                    fields=[
                        ("id", models.BigAutoField("ID", auto_created=True, primary_key=True, serialize=False)),
                            ("signed", models.FileField(upload_to="", storage=
                                 django.core.files.storage.FileSystemStorage(location="/srv/elsewhere")))],
                ),
            ]
        """,
    "gallery/migrations/0003_not_yet.py": """
        from django.db import migrations, models
        class Migration(migrations.Migration):
            dependencies = [("gallery", "0002_later")]
            operations = [migrations.AlterField("photo", "title", models.FileField())]
        """,
    "staff/__init__.py": "",
    "staff/apps.py": """
        from django.apps import AppConfig
        class StaffConfig(AppConfig):
            name = "staff"
            label = "people"
        """,
    "staff/models.py": """
        from django.db import models
        from gallery.models import Owned
        class Person(Owned):
            name = models.CharField(max_length=100)
        """,
    "staff/migrations/__init__.py": "",
    "staff/migrations/0001_initial.py": """
        from django.db import migrations, models
        from gallery.fields import SmallPicture as Small
        class Migration(migrations.Migration):
            initial = True
            dependencies = []
            operations = [migrations.CreateModel(name="Person", fields=[
                ("id", models.BigAutoField("ID", auto_created=True, primary_key=True, serialize=False)),
                ("portrait", Small(blank=True, upload_to="portraits")),
                ("name", models.CharField(max_length=100)),
            ])]
        """,
}
_FILL = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings.production"
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.management import call_command
call_command("migrate", "gallery", "0002", verbosity=0)
os.unlink("gallery/migrations/0003_not_yet.py")  # only to let Django compare the models with what ran
call_command("migrate", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
from gallery.models import Contract, Document, Photo, Report, Sheet
from staff.models import Person

def content(name):
    return ContentFile(name.encode(), name=name)

for number in range(4):
    Photo.objects.create(title=f"p{number}.jpg",
                         image=content(f"{number} \\u00e9'.jpg"), thumbnail=f"cache/{number}.jpg")
Photo.objects.create(title="no scan", image=content("last.jpg"), scan=content("scan.pdf"))
Photo.objects.create(title="empty", image="", scan=None)
Document.objects.create(attachment=content("letter.pdf"))
Report.objects.create(attachment=content("report.pdf"), appendix=content("figures.ods"), portrait=content("author.png"))
Sheet.objects.create(paper=content("sheet.txt"))
Person.objects.create(name="Ann", portrait=content("ann.png"))
Person.objects.create(name="Bob")
Contract.objects.create(signed="of-elsewhere.pdf")
"""
FIELDS = {  # each column that names files, and one of its files
    "gallery_photo.image": "photos/last.jpg",
    "gallery_photo.scan": "scans/scan.pdf",
    "Paper's work.Att's File": "papers/letter.pdf",
    "Paper's work.portrait": "portraits/author.png",
    "gallery_report.appendix": "appendices/figures.ods",
    "gallery_sheet.paper": "sheets/sheet.txt",
    "people_person.portrait": "portraits/ann.png",
}


def plant_project(folder: pathlib.Path, server: PostgresServer) -> None:
    """Write the project, let Django migrate its database ``site``, and let it keep rows and files."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
    server.sql("DROP DATABASE IF EXISTS site")
    server.sql("CREATE DATABASE site TEMPLATE template0 ENCODING 'UTF8'")
    environment = {**os.environ, "SITE_HOST": server.socket_folder, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _FILL], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / "gallery/migrations/0003_not_yet.py").write_text(
        textwrap.dedent(_FILES["gallery/migrations/0003_not_yet.py"]).lstrip()
    )
