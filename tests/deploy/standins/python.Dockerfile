# Stands in for Docker's python:3.11-slim-bookworm where no registry of images can be reached: Debian bookworm with its
# own Python 3.11, laid out like the official image where our Dockerfile looks (python3, pip and ensurepip).
FROM localhost/feedmill-debian:bookworm
RUN ln -s /usr/bin/python3 /usr/local/bin/python3 && \
    rm /usr/lib/python3*/EXTERNALLY-MANAGED && \
    PYTHONPATH="$(echo /usr/share/python-wheels/pip-*.whl)" python3 -m pip install --quiet \
        --root-user-action=ignore --no-index --find-links /usr/share/python-wheels pip setuptools
