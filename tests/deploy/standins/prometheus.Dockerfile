# Stands in for prom/prometheus where no registry of images can be reached: Debian's Prometheus, laid out like the
# official image where our Compose file looks.
FROM localhost/feedmill-debian:bookworm
COPY prometheus promtool promtool-of-debian /bin/
RUN chmod 755 /bin/promtool && install --directory --owner=nobody --group=nogroup /prometheus
VOLUME /prometheus
USER nobody
ENTRYPOINT ["/bin/prometheus"]
