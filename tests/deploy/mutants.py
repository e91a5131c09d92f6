"""Manifests with one thing wrong, and the check that must see it: a check that finds nothing proves nothing.

Each is a change of one file of deploy/k8s, seen through `prod` with the components that it needs.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.deploy import checks
from tests.deploy.checks import Check


class Mutant(NamedTuple):
    """One thing wrong, and the check that must see it."""

    check: Check
    file: str
    old: str
    new: str
    components: tuple[str, ...] = ()


WORKERS, POLICY, JOB = "base/workers.yaml", "base/network-policy.yaml", "base/topics-job.yaml"
SETTINGS, SCALED = "base/kustomization.yaml", "components/keda/scaled-object.yaml"
TOPICS, LOGIN = "components/strimzi/topics.yaml", "components/login/worker.yaml"
MONITOR, USER = "components/monitoring/pod-monitor.yaml", "components/strimzi/user.yaml"
PROD, BUDGET = "overlays/prod/kustomization.yaml", "base/disruption-budget.yaml"
CLUSTER, SCALED_WORKERS = "components/strimzi/kustomization.yaml", "components/keda/workers.yaml"
EXPORTER, WATCHERS = "base/lag-exporter.yaml", "components/login/watchers.yaml"
KEDA, STRIMZI, MONITORING = ("monitoring", "keda"), ("strimzi",), ("monitoring",)

MUTANTS = {
    "the selector of a Service": Mutant(
        checks.selectors,
        "base/service.yaml",
        "  selector:\n    app.kubernetes.io/name: feedmill",
        "  selector:\n    app.kubernetes.io/name: mill",
    ),
    "a budget over the job's pods too": Mutant(
        checks.selectors,
        BUDGET,
        "      app.kubernetes.io/name: feedmill\n      app.kubernetes.io/component: worker\n",
        "      app.kubernetes.io/name: feedmill\n",
    ),
    "a budget over nobody": Mutant(
        checks.selectors,
        BUDGET,
        "    matchLabels:\n      app.kubernetes.io/name: feedmill",
        "    matchLabels:\n      app.kubernetes.io/name: mill",
    ),
    "a policy over nobody": Mutant(
        checks.selectors,
        POLICY,
        "  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: feedmill",
        "  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: mill",
    ),
    "a scrape of no port": Mutant(checks.selectors, MONITOR, "port: metrics", "port: http", MONITORING),
    "two exporters at once": Mutant(checks.watchers, EXPORTER, "type: Recreate", "type: RollingUpdate"),
    "an exporter on another port": Mutant(checks.watchers, EXPORTER, "containerPort: 9809", "containerPort: 9808"),
    "an exporter that ends with Kafka": Mutant(checks.watchers, EXPORTER, "path: /healthz", "path: /readyz"),
    "nobody audits": Mutant(checks.watchers, "base/auditor.yaml", "component: auditor", "component: audit"),
    "the ledger's figures under another name": Mutant(
        checks.watchers, MONITOR, "replacement: feedmill-ledger", "replacement: feedmill-auditor", MONITORING
    ),
    "a Service to no port": Mutant(checks.selectors, "base/service.yaml", "targetPort: metrics", "targetPort: http"),
    "labels from kustomize, which cut DNS": Mutant(
        checks.ways_out,
        SETTINGS,
        "images:",
        "labels:\n  - includeSelectors: true\n    pairs: {app.kubernetes.io/part-of: mills}\nimages:",
    ),
    "no DNS by TCP": Mutant(checks.ways_out, POLICY, "        - protocol: TCP\n          port: 53\n", ""),
    "a broker behind a closed port": Mutant(checks.ways_out, PROD, "svc:9093", "svc:9095"),
    "Strimzi's listener without a way": Mutant(checks.ways_out, CLUSTER, "bootstrap:9093", "bootstrap:9092", STRIMZI),
    "everybody let in": Mutant(checks.ways_in, POLICY, "ingress: []", "ingress: [{}]"),
    "Prometheus not let in": Mutant(
        checks.ways_in, "components/monitoring/kustomization.yaml", "  - network-policy.yaml\n", "", MONITORING
    ),
    "Prometheus let in by another port": Mutant(
        checks.ways_in, "components/monitoring/network-policy.yaml", "port: metrics", "port: 9811", MONITORING
    ),
    "KEDA scales what is not there": Mutant(
        checks.scaling,
        SCALED,
        "    kind: StatefulSet\n    name: feedmill",
        "    kind: StatefulSet\n    name: feedmill-worker",
        KEDA,
    ),
    "more workers than partitions": Mutant(checks.scaling, WORKERS, "replicas: 3", "replicas: 17"),
    "KEDA above the partitions": Mutant(checks.scaling, SCALED, "maxReplicaCount: 16", "maxReplicaCount: 20", KEDA),
    "fewer partitions than KEDA knows": Mutant(
        checks.scaling, SETTINGS, "FEEDMILL_PARTITIONS=16", "FEEDMILL_PARTITIONS=8", KEDA
    ),
    "two owners of the number of workers": Mutant(
        checks.scaling, SCALED_WORKERS, "  replicas: null", "  minReadySeconds: 0", KEDA
    ),
    "fixed names under KEDA": Mutant(checks.scaling, SCALED_WORKERS, "              $patch: delete\n", "", KEDA),
    "a long session under KEDA": Mutant(
        checks.scaling, "components/keda/kustomization.yaml", "SECONDS=10", "SECONDS=60", KEDA
    ),
    "no fixed names without KEDA": Mutant(
        checks.scaling, WORKERS, "fieldPath: metadata.name", "fieldPath: metadata.namespace"
    ),
    "a session too short for a restart": Mutant(
        checks.scaling, SETTINGS, "SESSION_TIMEOUT_SECONDS=60", "SESSION_TIMEOUT_SECONDS=10"
    ),
    "no damping": Mutant(
        checks.scaling, SCALED, "stabilizationWindowSeconds: 600", "stabilizationWindowSeconds: 0", KEDA
    ),
    "KEDA asks for an unknown metric": Mutant(
        checks.scaling, SCALED, "oldest_unprocessed_seconds", "oldest_seconds", KEDA
    ),
    "KEDA asks all mills": Mutant(checks.scaling, SCALED, 'namespace="feedmill",', "", KEDA),
    "KEDA asks the workers": Mutant(
        checks.scaling, SCALED, 'job="feedmill-lag-exporter"', 'job="feedmill-worker"', KEDA
    ),
    "a stop cut short": Mutant(
        checks.draining, WORKERS, "terminationGracePeriodSeconds: 40", "terminationGracePeriodSeconds: 20"
    ),
    "a longer drain, the same grace": Mutant(
        checks.draining, SETTINGS, "STOP_DEADLINE_SECONDS=20", "STOP_DEADLINE_SECONDS=60"
    ),
    "liveness asks for readiness": Mutant(checks.probes, WORKERS, "path: /healthz", "path: /readyz"),
    "a probe of no page": Mutant(checks.probes, WORKERS, "path: /healthz", "path: /health"),
    "no time to restore": Mutant(checks.probes, WORKERS, "failureThreshold: 360", "failureThreshold: 60"),
    "another port": Mutant(checks.probes, WORKERS, "containerPort: 9808", "containerPort: 8080"),
    "metrics for the pod alone": Mutant(checks.probes, SETTINGS, "METRICS_HOST=0.0.0.0", "METRICS_HOST=127.0.0.1"),
    "a misspelt setting": Mutant(checks.settings, SETTINGS, "FEEDMILL_REPLICATION", "FEEDMILL_REPLICAS"),
    "a value that is none": Mutant(checks.settings, SETTINGS, "LOG_FORMAT=json", "LOG_FORMAT=xml"),
    "a session shorter than three heartbeats": Mutant(
        checks.settings, SETTINGS, "SESSION_TIMEOUT_SECONDS=60", "SESSION_TIMEOUT_SECONDS=2"
    ),
    "settings by Services' names": Mutant(
        checks.settings, WORKERS, "enableServiceLinks: false", "enableServiceLinks: true"
    ),
    "the newest image": Mutant(checks.images, SETTINGS, "newTag: 0.1.0", "newTag: latest"),
    "an image without a tag": Mutant(checks.images, SETTINGS, "images:\n  - name: feedmill\n    newTag: 0.1.0\n", ""),
    "a job of no version": Mutant(checks.images, JOB, "feedmill-topics-0-1-0", "feedmill-topics"),
    "root": Mutant(checks.restricted, WORKERS, "runAsNonRoot: true", "runAsNonRoot: false"),
    "a job with root's image": Mutant(
        checks.restricted, JOB, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"
    ),
    "capabilities kept": Mutant(checks.restricted, WORKERS, "drop: [ALL]", "drop: [NET_RAW]"),
    "a token": Mutant(
        checks.restricted, WORKERS, "automountServiceAccountToken: false", "automountServiceAccountToken: true"
    ),
    "no seccomp": Mutant(checks.restricted, WORKERS, "type: RuntimeDefault", "type: Unconfined"),
    "an open namespace": Mutant(
        checks.restricted, "overlays/prod/namespace.yaml", "enforce: restricted", "enforce: privileged"
    ),
    "state beside its volume": Mutant(
        checks.volumes, SETTINGS, "STATE_DIR=/var/lib/feedmill/state", "STATE_DIR=/srv/feedmill/state"
    ),
    "state at the root of a disk, beside lost+found": Mutant(
        checks.volumes, SETTINGS, "STATE_DIR=/var/lib/feedmill/state", "STATE_DIR=/var/lib/feedmill"
    ),
    "nowhere to write": Mutant(checks.volumes, WORKERS, "            - name: tmp\n              mountPath: /tmp\n", ""),
    "authorities that are not mounted": Mutant(
        checks.volumes, LOGIN, "mountPath: /etc/feedmill/kafka", "mountPath: /etc/kafka"
    ),
    "another key of a secret": Mutant(checks.logins, LOGIN, "key: password", "key: pass"),
    "the operator's login for workers": Mutant(
        checks.logins, LOGIN, "value: feedmill-worker", "value: feedmill-operator"
    ),
    "the worker's login for who only reads": Mutant(
        checks.logins, WATCHERS, "value: feedmill-watcher", "value: feedmill-worker"
    ),
    "a password in the manifests": Mutant(
        checks.logins,
        "components/login/kustomization.yaml",
        "      - FEEDMILL_SASL_MECHANISM",
        "      - FEEDMILL_SASL_PASSWORD=secret\n      - FEEDMILL_SASL_MECHANISM",
    ),
    "authorities of another cluster": Mutant(
        checks.logins, "components/strimzi/worker.yaml", "feeds-cluster", "news-cluster", STRIMZI
    ),
    "a topic of other retention": Mutant(
        checks.topics, TOPICS, "retention.ms: 604800000", "retention.ms: 604800001", STRIMZI
    ),
    "topics of fewer copies than the workers want": Mutant(
        checks.topics, CLUSTER, "REPLICATION=3", "REPLICATION=2", STRIMZI
    ),
    "a topic too few": Mutant(checks.topics, TOPICS, "name: feeds.duplicates\n", "name: feeds.duplicate\n", STRIMZI),
    "two makers of topics": Mutant(checks.topics, CLUSTER, "$patch: delete", "spec: {suspend: true}", STRIMZI),
    "topics of another cluster": Mutant(
        checks.topics, TOPICS, "strimzi.io/cluster: feeds", "strimzi.io/cluster: news", STRIMZI
    ),
    "one permission more": Mutant(
        checks.permissions,
        USER,
        "      operations:\n      - Read\n",
        "      operations:\n      - Read\n      - Delete\n",
        STRIMZI,
    ),
    "one permission less": Mutant(
        checks.permissions,
        USER,
        "        patternType: prefix\n      operations:\n      - Read\n",
        "        patternType: prefix\n      operations:\n",
        STRIMZI,
    ),
    "another namespace": Mutant(checks.namespaces, PROD, "namespace: feedmill\n", "namespace: mill\n"),
    "no name of the mill": Mutant(
        checks.names, "base/service-account.yaml", "app.kubernetes.io/name: feedmill", "app.kubernetes.io/name: mill"
    ),
    "an alert on no metric": Mutant(
        checks.alerts, "components/monitoring/rules.yaml", "feedmill_inputs_total", "feedmill_input_total", MONITORING
    ),
    "alerts on another job": Mutant(
        checks.alerts, MONITOR, "replacement: feedmill-worker", "replacement: feedmill", MONITORING
    ),
}
