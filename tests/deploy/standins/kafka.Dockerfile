# Stands in for apache/kafka where no registry of images can be reached: the same Kafka from Maven's jars, set up by
# the same class of Kafka's own (kafka.docker.KafkaDockerWrapper), under the same user, paths and volumes.
FROM localhost/feedmill-debian:bookworm
COPY java /opt/java
COPY jars /opt/kafka/libs
COPY kafka-run /etc/kafka/docker/run
COPY kafka-broker-api-versions.sh /opt/kafka/bin/
COPY log4j2.yaml /etc/kafka/docker/
RUN chmod -R a+rX /opt && chmod 755 /opt/java/bin/java /etc/kafka/docker/run /opt/kafka/bin/*.sh && \
    useradd --uid 1000 --create-home appuser && \
    install --directory --owner=appuser --group=root \
        /opt/kafka/config /opt/kafka/logs /var/lib/kafka/data /mnt/shared/config /etc/kafka/secrets && \
    cp /etc/kafka/docker/log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
USER appuser
EXPOSE 9092
CMD ["/etc/kafka/docker/run"]
