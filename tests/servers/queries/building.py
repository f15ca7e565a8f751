"""Building an Elasticsearch that understands KQL and ES|QL.

To the server of :mod:`tests.servers.elasticsearch` come the modules of both languages, as Elastic
publishes them. They are said to extend those of machine learning and of scripts, which are not
published, and what we ask needs neither. Stand-ins for ingest processors come, too, so that our
pipeline can be installed.
"""

import os
import shutil
import zipfile
from pathlib import Path

from tests.servers.building import (
    HERE,
    build_once,
    fetch_jars,
    find_program,
    read_properties,
    write_properties,
)
from tests.servers.elasticsearch import building as plain

_SOURCES = HERE / "queries"
VERSION = "8.19.21"
_IN_SERVER = ("commons-codec", "slf4j-api", "slf4j-nop")
"""Jars that are in a module which these extend."""


def build() -> plain.Built:
    """Build it.

    Raises:
        NotToBeHad: Something for it is missing.
    """
    base = plain.build(VERSION)
    # The base is named after all that it was built from.
    name = f"elasticsearch-queries-{VERSION}"
    folder = build_once(name, _SOURCES, lambda x: _make(base.folder, x), base.folder.name)
    return base._replace(folder=folder)


def _make(base: Path, folder: Path) -> None:
    """Lay out lib, modules and classes; files of the base are there once."""
    for part in ("lib", "modules", "classes"):
        shutil.copytree(base / part, folder / part, copy_function=os.link)
    jars, modules = folder / "all", folder / "modules"
    fetch_jars(_SOURCES / "pom.xml", jars, es_version=VERSION)
    there = {_name(x) for x in (folder / "lib").glob("*.jar")} | set(_IN_SERVER)
    for jar in jars.glob("*.jar"):
        if _name(jar) in there:
            jar.unlink()
    kql = jars / f"x-pack-kql-{VERSION}.jar"
    _add_module("x-pack-kql", modules, [kql, *jars.glob("antlr4-runtime-*.jar")])
    kql.unlink()
    _add_module("x-pack-esql", modules, list(jars.glob("*.jar")))
    shutil.rmtree(jars)

    compiler: list[str | Path] = [find_program("javac", "openjdk-17-jdk-headless")]
    libs = list((folder / "lib").glob("*.jar"))
    sources = list((_SOURCES / "testingest").glob("*.java"))
    plain.add_plugin("testingest", VERSION, [*compiler, "--release", "17"], sources, libs, modules)


def _name(jar: Path) -> str:
    """Give the name of a jar without its version."""
    return jar.stem.rpartition("-")[0]


def _add_module(name: str, modules: Path, jars: list[Path]) -> None:
    """Lay out a module with its jars."""
    folder = modules / name
    folder.mkdir()
    for jar in jars:
        shutil.copy(jar, folder)
    descriptor = folder / "plugin-descriptor.properties"
    with zipfile.ZipFile(folder / f"{name}-{VERSION}.jar") as archive:
        inside = f"META-INF/es-plugins/{name}/{descriptor.name}"
        descriptor.write_bytes(archive.read(inside))
    properties = read_properties(descriptor)
    properties.pop("modulename", None)
    write_properties(descriptor, {**properties, "extended.plugins": "x-pack-core"})
