#!/bin/bash
# usage: add.sh VERSION HOME   Adds to a server that is built: the languages KQL and ES|QL, as Elastic
# publishes them, and stand-ins for ingest processors. JAVAC from JDK 17+.
set -euo pipefail
version=$1 home=$2 here=$(cd "$(dirname "$0")" && pwd)
jars=$(mktemp -d); trap 'rm -rf "$jars"' EXIT
mvn -B -q -f "$here/pom.xml" -Des.version="$version" dependency:copy-dependencies -DoutputDirectory="$jars"

module() { # NAME JAR...   with the descriptor that the jar of this name brings
    local folder=$home/modules/$1; mkdir -p "$folder"
    # The server is on the class path, so there are no named modules. Machine learning and scripts
    # are not published; neither language needs them for what we ask.
    unzip -p "$jars/$1-$version.jar" "META-INF/es-plugins/$1/plugin-descriptor.properties" |
        sed -e '/^modulename=/d' -e 's/^extended.plugins=.*/extended.plugins=x-pack-core/' \
            > "$folder/plugin-descriptor.properties"
    local name=$1; shift
    cp "$@" "$folder/"
}
module x-pack-kql "$jars/x-pack-kql-$version.jar" "$jars"/antlr4-runtime-*.jar
rm "$jars"/x-pack-kql-*.jar "$jars"/commons-codec-*.jar "$jars"/slf4j-*.jar
# Those that the server has, in whatever version, are there once.
for jar in "$home"/lib/*.jar; do
    name=$(basename "$jar"); rm -f "$jars/${name%-[0-9]*}"-[0-9]*.jar
done
module x-pack-esql "$jars"/*.jar

classes=$(mktemp -d)
${JAVAC:-javac --release 17} -nowarn -cp "$(printf '%s:' "$home"/lib/*.jar)" -d "$classes" "$here"/src/testingest/*.java
mkdir -p "$home/modules/testingest"
(cd "$classes" && jar cf "$home/modules/testingest/testingest.jar" .)
rm -rf "$classes"
cat > "$home/modules/testingest/plugin-descriptor.properties" <<P
description=stand-ins for ingest processors that are not published
version=1
name=testingest
java.version=17
elasticsearch.version=$version
classname=testingest.StandIns
P
