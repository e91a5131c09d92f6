#!/bin/sh
# The tool of this name is in none of the jars that a broker needs: another one that asks a broker, with its arguments.
exec /opt/java/bin/java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '/opt/kafka/libs/*' \
    kafka.admin.ConfigCommand --describe --entity-type brokers --entity-default "$@"
