"""What a restore in place of files loads before it begins: it is most of what one small part takes."""

import subprocess
import sys


def test_it_loads_nothing_that_only_other_kinds_or_other_verbs_need() -> None:
    code = (
        "import sys; import rebond.cli.in_place.restoring, rebond.cli.in_place.deeds;"
        "heavy = [name for name in sys.modules if name in ('urllib.request', 'http.client', 'sqlite3', 'ssl',"
        " 'rebond.operations.backup', 'rebond.stack.planning', 'rebond.stack.kinds')"
        " or name.startswith('rebond.sources.postgres')]; sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
