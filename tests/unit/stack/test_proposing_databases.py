"""Components for databases: of their own kind, or by the database's own program; never with a secret in them."""

import pathlib
import subprocess

import pytest

from rebond.config.components import Postgres
from rebond.config.resolving import Resolver
from rebond.stack.discovery.compose_model import Service, Variable
from rebond.stack.discovery.interpolation import VariableReference
from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.proposing_databases import (
    propose_database_of_variables,
    propose_mysql_service,
    propose_postgres_service,
)
from rebond.stack.discovery.savable import read_component

Folder = pathlib.Path
ADDRESS = "postgres://shop:geheim@db.example:6543/orders?sslmode=require"


def always(*_: object) -> bool:
    return True


def never(*_: object) -> bool:
    return False


def surveyed(folder: Folder, **variables: str) -> Surveyed:
    return Surveyed(directory=folder, name="shop", variables=variables, file_variables=variables)


def test_an_address_is_taken_apart_and_its_password_is_looked_up_again(tmp_path: Folder) -> None:
    part = propose_database_of_variables(surveyed(tmp_path, DATABASE_URL=ADDRESS), always)
    assert part

    component = read_component(part.lines)
    assert isinstance(component, Postgres)
    assert (component.host, component.port, component.database, component.user) == (
        "db.example",
        6543,
        "orders",
        "shop",
    )
    assert component.password
    found = Resolver(root=tmp_path, variables={"DATABASE_URL": ADDRESS}).resolve(component.password)
    assert found.reveal() == b"geheim"
    assert "geheim" not in repr(part.lines)


def test_the_program_is_given_an_address_in_its_environment_and_in_no_argument(tmp_path: Folder) -> None:
    part = propose_database_of_variables(surveyed(tmp_path, DATABASE_URL=ADDRESS), never)
    dump = tmp_path / "pg_dump"
    dump.write_text('#!/bin/sh\necho "$PGUSER $PGPASSWORD $PGHOST $PGPORT" "$@"\n')
    dump.chmod(0o755)
    assert part

    done = subprocess.run(
        ["/bin/sh", "-c", str(part.lines["run"])],
        env={"PATH": str(tmp_path), "DATABASE_URL": ADDRESS},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "shop geheim db.example 6543 --dbname=orders --clean --if-exists"
    assert "geheim" not in repr(part.lines)


@pytest.mark.parametrize("is_savable", [always, never])
@pytest.mark.parametrize("address", ["postgres://u:a%40b@h/d", "postgres://u:p@h:nonsense/d"])
def test_an_address_with_signs_of_its_own_is_a_comment(tmp_path: Folder, is_savable: object, address: str) -> None:
    assert callable(is_savable)
    part = propose_database_of_variables(surveyed(tmp_path, DATABASE_URL=address), is_savable)

    assert part
    assert not part.is_active


@pytest.mark.parametrize("is_savable", [always, never])
def test_variables_of_postgres_are_referred_to(tmp_path: Folder, is_savable: object) -> None:
    assert callable(is_savable)
    variables = {"POSTGRES_DB": "shop", "POSTGRES_PASSWORD": "geheim", "POSTGRES_USER": "u"}
    part = propose_database_of_variables(surveyed(tmp_path, **variables), is_savable)

    assert part
    assert read_component(part.lines)
    assert "geheim" not in repr(part.lines)


def test_without_any_of_them_nothing_is_proposed(tmp_path: Folder) -> None:
    assert propose_database_of_variables(surveyed(tmp_path, DATABASE_URL="mysql://h/d"), always) is None


@pytest.mark.parametrize("is_savable", [always, never])
def test_a_service_without_variables_has_the_defaults_of_its_image(is_savable: object) -> None:
    assert callable(is_savable)
    part = propose_postgres_service(Service(name="db", image="postgres:16"), "database", {}, is_savable)

    component = read_component(part.lines)
    assert component
    if isinstance(component, Postgres):
        assert (component.user, component.database) == ("postgres", "postgres")


@pytest.mark.parametrize("is_savable", [always, never])
def test_a_password_that_compose_writes_out_is_not_written_again(is_savable: object) -> None:
    assert callable(is_savable)
    variables = {
        "POSTGRES_PASSWORD": Variable(text="geheim"),
        "POSTGRES_USER": Variable(text="u", reference=VariableReference(name="DB_USER", default="u")),
        "MYSQL_ROOT_PASSWORD": Variable(text="geheim", reference=VariableReference(name="ROOT", default="geheim")),
    }
    service = Service(name="db", variables=variables)

    for propose in (propose_postgres_service, propose_mysql_service):
        part = propose(service, "database", {"priority": "P0"}, is_savable)
        assert read_component(part.lines)
        assert "geheim" not in repr(part.lines)
