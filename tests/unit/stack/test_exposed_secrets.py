"""After a breach: where a secret is used, be it by its own name or by that of the file that holds it."""

import pathlib

from rebond.stack.drills.exposed_secrets import list_secrets


def test_what_takes_the_whole_file_uses_every_variable_in_it_and_a_key_is_used_by_its_name(
    tmp_path: pathlib.Path,
) -> None:
    root, kept = tmp_path / "shop", tmp_path / "kept"
    for name, text in {
        "compose.yml": "services: {web: {env_file: ./.env, secrets: [{file: keys/signing.pem}]}}",
        "settings.py": "os.environ['API_KEY']",
        "other.yml": "env_file: .env.example\nfile: old-signing.pem",
        ".gitignore": ".env\nsigning.pem",
        "README.md": "copy .env.example to .env",
        ".env": "API_KEY=1",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (kept / "keys").mkdir(parents=True)
    (kept / ".env").write_text("API_KEY=1\nDB_PASSWORD=2\n")
    (kept / "keys" / "signing.pem").write_text("-----BEGIN PRIVATE KEY-----\n")

    found = list_secrets(None, {"env": (kept, [kept / ".env", kept / "keys" / "signing.pem"])}, root)
    assert {each.name: (each.kept_in, each.used_in) for each in found} == {
        "API_KEY": ("env/.env", ("settings.py", "compose.yml")),
        "DB_PASSWORD": ("env/.env", ("compose.yml",)),
        "signing.pem": ("env/keys/signing.pem", ("compose.yml",)),
    }
