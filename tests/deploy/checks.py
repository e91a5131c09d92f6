"""What must hold of the manifests beyond their schemas. Each check yields a sentence for each fault.

`test_kubernetes.py` runs all of them over every combination, and each over manifests in which it must find something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from prometheus_client import CollectorRegistry

from agents import __version__
from agents.cli.lag_exporter import PORT as LAG_PORT
from agents.cli.ledger import PORT as LEDGER_PORT
from agents.engine.acls import Pattern, Role, grants
from agents.engine.auditor import Auditor
from agents.engine.exporter import Exporter
from agents.engine.following import Terms
from agents.engine.health import RESTORE_SECONDS
from agents.engine.metrics import MillMetrics
from agents.engine.topics import Naming, topic_table
from agents.settings import NOT_SETTINGS, Settings, variable
from tests.deploy.manifests import NAMESPACE, Manifest, Rendered

Check = Callable[[Rendered], Iterator[str]]

DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
START_SECONDS = 15.0
"""A worker loads its libraries, joins, restores a warm state: 5 s, 11 on a loaded machine (docs/performance.md)."""

SECRETS = {
    **{f"feedmill-{role}": {"password"} for role in ("worker", "watcher", "operator")},
    "feedmill-kafka-ca": {"ca.crt"},
}
"""Those that docs/guide/kubernetes.md tells people to make, and their keys."""

CLUSTER_CA = "feeds-cluster-ca-cert"
"""What Strimzi makes for a cluster named `feeds`."""


WATCHERS = {"lag-exporter": ("feedmill-lag-exporter", LAG_PORT), "auditor": ("feedmill-ledger", LEDGER_PORT)}
"""What watches the workers, by its label: the job's name in Prometheus, and the port."""


def covers(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes a pod in. Expressions are used nowhere here."""
    assert set(selector) <= {"matchLabels"}, selector
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def labels_of(template: Manifest) -> dict[str, str]:
    return dict(template["metadata"]["labels"])


def container(template: Manifest) -> Manifest:
    (found,) = template["spec"]["containers"]
    return dict(found)


def environment(rendered: Rendered, template: Manifest) -> dict[str, str | None]:
    """What the container gets; None where the value is known in the cluster only."""
    one = container(template)
    found: dict[str, str | None] = {}
    for source in one.get("envFrom", []):
        found |= rendered.one("ConfigMap", source["configMapRef"]["name"])["data"]
    return found | {entry["name"]: entry.get("value") for entry in one.get("env", [])}


def setting(rendered: Rendered, name: str) -> Any:
    """A setting of the worker as the manifests have it, else its default."""
    given = environment(rendered, rendered.workers["spec"]["template"]).get(variable(name))
    default = Settings.model_fields[name].default
    return type(default)(given) if given is not None and default is not None else given or default


def selectors(rendered: Rendered) -> Iterator[str]:
    """Each selector takes in the workers, and nothing but them where it should."""
    worker = labels_of(rendered.workers["spec"]["template"])
    others = [labels_of(template) for name, template in rendered.pods if not name.startswith("StatefulSet/")]
    ports = {port["name"]: port["containerPort"] for port in container(rendered.workers["spec"]["template"])["ports"]}
    spread = rendered.workers["spec"]["template"]["spec"]["topologySpreadConstraints"]
    service = rendered.one("Service")
    for what, selector in (
        ("StatefulSet", rendered.workers["spec"]["selector"]),
        ("Service", {"matchLabels": service["spec"]["selector"]}),
        ("PodDisruptionBudget", rendered.one("PodDisruptionBudget")["spec"]["selector"]),
        *(("topologySpreadConstraints", one["labelSelector"]) for one in spread),
        *(
            ("PodMonitor", one["spec"]["selector"])
            for one in rendered.kind("PodMonitor")
            if one["metadata"]["name"] == "feedmill"
        ),
    ):
        if not covers(selector, worker):
            yield f"{what} selects no worker: {selector}"
        if any(covers(selector, other) for other in others):
            yield f"{what} selects more than workers: {selector}"
    for name, template in rendered.pods:
        if not any(
            covers(policy["spec"]["podSelector"], labels_of(template)) and "Egress" in policy["spec"]["policyTypes"]
            for policy in rendered.kind("NetworkPolicy")
        ):
            yield f"no NetworkPolicy holds for {name}"
    if rendered.workers["spec"]["serviceName"] != service["metadata"]["name"]:
        yield "the StatefulSet names a Service that is not there"
    for port in (one["targetPort"] for one in service["spec"]["ports"]):
        if port not in ports:
            yield f"the Service leads to port {port}, which no worker has"
    for monitor in rendered.kind("PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if endpoint["port"] not in ports:
                yield f"the PodMonitor scrapes port {endpoint['port']}, which no worker has"


def watchers(rendered: Rendered) -> Iterator[str]:
    """One of each, never two at once, on its port, asked the right questions, and scraped under its name."""
    found = {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in rendered.kind("Deployment")}
    if set(found) != set(WATCHERS):
        yield f"these watch the workers: {sorted(found)}"
    for name, one in found.items():
        if name not in WATCHERS:
            continue
        template = one["spec"]["template"]
        inner = container(template)
        if (one["spec"]["replicas"], one["spec"]["strategy"]) != (1, {"type": "Recreate"}):
            yield f"{name} may be there twice: what it shows would be counted twice"
        if not covers(one["spec"]["selector"], labels_of(template)):
            yield f"the Deployment of {name} selects other pods than its own"
        job, port = WATCHERS[name]
        if inner["ports"] != [{"name": "metrics", "containerPort": port}]:
            yield f"{name} serves {port}, the container says {inner['ports']}"
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            if inner[probe]["httpGet"] != {"path": path, "port": "metrics"}:
                yield f"{probe} of {name} asks {inner[probe]['httpGet']}"
        monitors = [
            endpoint["relabelings"][0]["replacement"]
            for monitor in rendered.kind("PodMonitor")
            if covers(monitor["spec"]["selector"], labels_of(template))
            for endpoint in monitor["spec"]["podMetricsEndpoints"]
            if endpoint["port"] == "metrics"
        ]
        if monitors != [job] * bool(rendered.kind("PodMonitor")):
            yield f"{name} is scraped as {monitors}, not as {job}"


def ways_out(rendered: Rendered) -> Iterator[str]:
    """DNS answers, and the brokers can be reached."""
    for name, template in rendered.pods:
        rules = [
            rule
            for policy in rendered.kind("NetworkPolicy")
            if covers(policy["spec"]["podSelector"], labels_of(template))
            for rule in policy["spec"].get("egress", [])
        ]
        for protocol in ("UDP", "TCP"):
            port = {"protocol": protocol, "port": 53}
            if not any(rule.get("to") == [DNS] and port in rule["ports"] for rule in rules):
                yield f"{name} has no DNS by {protocol}"
        for address in str(environment(rendered, template)["FEEDMILL_BROKER"]).split(","):
            port = {"protocol": "TCP", "port": int(address.rpartition(":")[2])}
            if not any(port in rule["ports"] and rule.get("to") != [DNS] for rule in rules):
                yield f"{name} cannot reach {address}"
        if any("ports" not in rule for rule in rules):
            yield f"{name} may talk to every port"


def ways_in(rendered: Rendered) -> Iterator[str]:
    """Prometheus, where there is one, by the port of the metrics; nobody else."""
    if not any("Ingress" in policy["spec"]["policyTypes"] for policy in rendered.kind("NetworkPolicy")):
        yield "everybody may talk to a worker"
    for name, template in rendered.pods:
        ports = {port["name"] for port in container(template).get("ports", [])}
        allowed = [
            rule
            for policy in rendered.kind("NetworkPolicy")
            if covers(policy["spec"]["podSelector"], labels_of(template))
            for rule in policy["spec"].get("ingress", [])
        ]
        for rule in allowed:
            if not rule.get("from") or {one["port"] for one in rule.get("ports", [{"port": "any"}])} != {"metrics"}:
                yield f"more than Prometheus may talk to {name}: {rule}"
        if ports and bool(allowed) != bool(rendered.kind("PodMonitor")):
            yield f"who scrapes {name} is not let in, or is let in and does not scrape"


def scaling(rendered: Rendered) -> Iterator[str]:
    """Never more workers than partitions, one owner of their number, and no fixed names where it changes by itself."""
    partitions = setting(rendered, "partitions")
    names = {entry["name"]: entry for entry in container(rendered.workers["spec"]["template"]).get("env", [])}
    fixed = names.get("FEEDMILL_GROUP_INSTANCE_ID")
    if not rendered.kind("ScaledObject"):
        if not 1 <= rendered.workers["spec"]["replicas"] <= partitions:
            yield f"{rendered.workers['spec']['replicas']} workers for {partitions} partitions"
        if fixed is None or fixed["valueFrom"] != {"fieldRef": {"fieldPath": "metadata.name"}}:
            yield "workers have no fixed names, or not their pods'"
        if setting(rendered, "session_timeout_seconds") < setting(rendered, "stop_deadline_seconds") + START_SECONDS:
            yield "a worker that is started again finds its session over"
        return
    spec = rendered.one("ScaledObject")["spec"]
    target = spec["scaleTargetRef"]
    if not any(
        (one["apiVersion"], one["kind"], one["metadata"]["name"])
        == (target["apiVersion"], target["kind"], target["name"])
        for one in rendered.objects
    ):
        yield f"scaleTargetRef names what is not there: {target}"
    if not 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= partitions:
        yield f"up to {spec['maxReplicaCount']} workers for {partitions} partitions"
    if "replicas" in rendered.workers["spec"]:
        yield "the StatefulSet has a number of workers beside KEDA's"
    if fixed is not None:
        yield "workers have fixed names: each one scaled away keeps its partitions for a session timeout"
    if setting(rendered, "session_timeout_seconds") > 15:
        yield "a long session, and no fixed names that it would be for"
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    if behaviour["scaleDown"]["stabilizationWindowSeconds"] < 600 or behaviour["scaleDown"]["policies"] != [
        {"type": "Pods", "value": 1, "periodSeconds": 300}
    ]:
        yield "workers are scaled away without damping"
    for trigger in spec["triggers"]:
        query = trigger["metadata"]["query"]
        yield from (f"KEDA asks for {name}, which nobody has" for name in sorted(metrics_in(query) - metric_names()))
        if set(re.findall(r'job="([^"]*)"', query)) != {WATCHERS["lag-exporter"][0]}:
            yield "KEDA asks the workers: where there are none, nobody answers"
        if f'namespace="{NAMESPACE}"' not in query:
            yield "KEDA asks for another mill's lag"


def draining(rendered: Rendered) -> Iterator[str]:
    """A stop in order is never cut short."""
    grace = rendered.workers["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
    if grace < setting(rendered, "stop_deadline_seconds") + 10:
        yield f"{grace} s of grace for a stop of {setting(rendered, 'stop_deadline_seconds')} s"


def probes(rendered: Rendered) -> Iterator[str]:
    """The right question for each probe, on a port that is there, and time to restore."""
    one = container(rendered.workers["spec"]["template"])
    for probe, path in (("startupProbe", "/readyz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        if one[probe]["httpGet"] != {"path": path, "port": "metrics"}:
            yield f"{probe} asks {one[probe]['httpGet']}"
    budget = one["startupProbe"]["periodSeconds"] * one["startupProbe"]["failureThreshold"]
    needed = setting(rendered, "broker_wait_seconds") + setting(rendered, "restore_timeout_seconds") + RESTORE_SECONDS
    if budget < needed:
        yield f"a worker has {budget} s to start, and may need {needed:g}"
    (port,) = one["ports"]
    if port["name"] != "metrics" or port["containerPort"] != setting(rendered, "metrics_port"):
        yield f"the metrics are served on {setting(rendered, 'metrics_port')}, the container says {port}"
    if setting(rendered, "metrics_host") in (Settings.model_fields["metrics_host"].default, "localhost", "::1"):
        yield "the metrics are served on the loopback address alone: no probe can ask"


def settings(rendered: Rendered) -> Iterator[str]:
    """Names that are settings, values that can be used, and nothing that Kubernetes adds on its own."""
    known = {variable(name) for name in Settings.model_fields} - NOT_SETTINGS.keys()
    for name, template in rendered.pods:
        given = environment(rendered, template)
        yield from (f"{name}: {one} is no setting" for one in sorted(given.keys() - known))
        # The file of authorities is in the pod, not here.
        fields = [one for one in Settings.model_fields if variable(one) in given and one != "ssl_cafile"]
        values: dict[str, Any] = {one: given[variable(one)] or "from the cluster" for one in fields}
        try:
            Settings(**values)
        except ValueError as error:
            yield f"{name}: {error}"
        if template["spec"].get("enableServiceLinks", True):
            yield f"{name}: a Service can set FEEDMILL_… by its name"


def images(rendered: Rendered) -> Iterator[str]:
    for name, template in rendered.pods:
        image = container(template)["image"]
        if not re.fullmatch(rf"[^:@]+:{re.escape(__version__)}", image):
            yield f"{name} runs {image}, and this is {__version__}"
    for job in rendered.kind("Job"):
        if not job["metadata"]["name"].endswith(__version__.replace(".", "-")):
            yield f"the next version cannot replace {job['metadata']['name']}: a job does not change"


def restricted(rendered: Rendered) -> Iterator[str]:
    """Kubernetes' pod security standard of that name, and more."""
    for name, template in rendered.pods:
        pod, inner = template["spec"], container(template)["securityContext"]
        context = pod["securityContext"]
        for what, fine in (
            ("runs as root", context.get("runAsNonRoot") is True and context.get("runAsUser") == 10001),
            ("has no seccomp profile", context.get("seccompProfile") == {"type": "RuntimeDefault"}),
            ("may gain privileges", inner.get("allowPrivilegeEscalation") is False),
            ("can write to its image", inner.get("readOnlyRootFilesystem") is True),
            ("has capabilities", inner.get("capabilities") == {"drop": ["ALL"]}),
            ("is given a token of the Kubernetes API", pod.get("automountServiceAccountToken") is False),
            ("has no account of its own", pod.get("serviceAccountName") == "feedmill"),
            ("can take a node's memory", "memory" in container(template)["resources"].get("limits", {})),
            ("shares a host's name spaces", not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()),
        ):
            if not fine:
                yield f"{name} {what}"
    for namespace in rendered.kind("Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace lets everything in"


def volumes(rendered: Rendered) -> Iterator[str]:
    """What is mounted is there, what is written to is mounted, and each worker has a state of its own."""
    for name, template in rendered.pods:
        there = {one["name"]: one for one in template["spec"].get("volumes", [])}
        claims = (
            {one["metadata"]["name"] for one in rendered.workers["spec"]["volumeClaimTemplates"]}
            if name.startswith("StatefulSet/")
            else set()
        )
        mounts = {one["mountPath"]: one["name"] for one in container(template)["volumeMounts"]}
        yield from (
            f"{name} mounts {volume}, which is not there"
            for volume in mounts.values()
            if volume not in {*there, *claims}
        )
        if not there.get(mounts.get("/tmp", ""), {}).get("emptyDir"):
            yield f"{name} has no /tmp to write to"
        if claims:
            state = PurePosixPath(setting(rendered, "state_dir"))
            above = [str(folder) for folder in state.parents]
            if not any(mounts.get(folder) in claims for folder in above):
                yield f"the state is kept in {state}, which is on no volume of the worker's own, or at its root"
        cafile = environment(rendered, template).get("FEEDMILL_SSL_CAFILE")
        if cafile is not None:
            secret = there.get(mounts.get(str(PurePosixPath(cafile).parent), ""), {}).get("secret", {})
            if PurePosixPath(cafile).name not in {item["path"] for item in secret.get("items", [])}:
                yield f"{name} looks for {cafile}, which no volume has"


def logins(rendered: Rendered) -> Iterator[str]:
    """By reference, to secrets that somebody makes, and everybody with the login that its work needs."""
    if rendered.kind("Secret") or any("FEEDMILL_SASL_PASSWORD" in one["data"] for one in rendered.kind("ConfigMap")):
        yield "a secret is in the manifests"
    strimzi = bool(rendered.kind("KafkaUser"))
    made = (
        {**{one["metadata"]["name"]: {"password"} for one in rendered.kind("KafkaUser")}, CLUSTER_CA: {"ca.crt"}}
        if strimzi
        else SECRETS
    )
    for name, template in rendered.pods:
        given = environment(rendered, template)
        env = {entry["name"]: entry for entry in container(template).get("env", [])}
        referred = [
            (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
            for entry in env.values()
            if "secretKeyRef" in entry.get("valueFrom", {})
        ]
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                referred += [(volume["secret"]["secretName"], item["key"]) for item in volume["secret"]["items"]]
        yield from (f"{name} wants {key} of {secret}" for secret, key in referred if key not in made.get(secret, set()))
        if (given.get("FEEDMILL_SECURITY_PROTOCOL") or "").startswith("SASL_"):
            kind = name.partition("/")[0]
            role = {"StatefulSet": "feedmill-worker", "Deployment": "feedmill-watcher"}.get(kind, "feedmill-operator")
            password = env.get("FEEDMILL_SASL_PASSWORD", {}).get("valueFrom", {}).get("secretKeyRef", {})
            if (given.get("FEEDMILL_SASL_USERNAME"), password.get("name")) != (role, role):
                yield f"{name} does not log in as {role}"
        if given.get("FEEDMILL_SASL_PASSWORD") is not None:
            yield f"{name} has a password in plain sight"


def topics(rendered: Rendered) -> Iterator[str]:
    """Made by one side, and just as the code's table has them."""
    found = rendered.kind("KafkaTopic")
    jobs = [one for one in rendered.kind("Job") if "topics" in container(one["spec"]["template"])["args"]]
    if bool(found) == bool(jobs):
        yield "the topics are made by both, or by nobody"
    if not found:
        return
    table = topic_table(
        Naming(setting(rendered, "topic_prefix"), setting(rendered, "generation")),
        partitions=setting(rendered, "partitions"),
        replication=setting(rendered, "replication"),
    )
    wanted = {spec.name: (spec.partitions, setting(rendered, "replication"), spec.config) for spec in table}
    made = {
        one["spec"].get("topicName", one["metadata"]["name"]): (
            one["spec"]["partitions"],
            one["spec"]["replicas"],
            {key: str(value) for key, value in one["spec"]["config"].items()},
        )
        for one in found
    }
    yield from (
        f"{name} is not as the code has it"
        for name in wanted.keys() | made.keys()
        if wanted.get(name) != made.get(name)
    )
    clusters = {one["metadata"]["labels"].get("strimzi.io/cluster") for one in (*found, *rendered.kind("KafkaUser"))}
    if len(clusters) != 1 or not str(setting(rendered, "broker")).startswith(
        f"{clusters.copy().pop()}-kafka-bootstrap"
    ):
        yield f"topics and user are of {clusters}, the workers talk to {setting(rendered, 'broker')}"


def permissions(rendered: Rendered) -> Iterator[str]:
    """The users may do what the code's list says of their roles, and no more."""
    naming = Naming(setting(rendered, "topic_prefix"), setting(rendered, "generation"))
    for user in rendered.kind("KafkaUser"):
        wanted = {
            (
                grant.resource.value.replace("-id", "Id"),
                grant.name,
                "prefix" if grant.pattern is Pattern.PREFIXED else "literal",
                operation.value,
            )
            for grant in grants(Role(user["metadata"]["name"].removeprefix("feedmill-")), naming)
            for operation in grant.operations
        }
        held = {
            (acl["resource"]["type"], acl["resource"]["name"], acl["resource"]["patternType"], operation)
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        }
        if held != wanted:
            yield f"{user['metadata']['name']} may not do, or may do too much: {sorted(held ^ wanted)}"


def namespaces(rendered: Rendered) -> Iterator[str]:
    """All of it stands in one, but for the namespace itself."""
    for one in rendered.objects:
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") != NAMESPACE:
            yield f"{one['kind']}/{one['metadata']['name']} stands in namespace {one['metadata'].get('namespace')}"


def names(rendered: Rendered) -> Iterator[str]:
    """Nothing twice, and every object knows what it belongs to."""
    places = [(one["kind"], one["metadata"]["name"]) for one in rendered.objects]
    yield from (f"{kind}/{name} is there twice" for kind, name in {one for one in places if places.count(one) > 1})
    for one in rendered.objects:
        named = one["metadata"].get("labels", {}).get("app.kubernetes.io/name")
        if one["kind"] not in ("Namespace", "ConfigMap") and named != "feedmill":
            yield f"{one['kind']}/{one['metadata']['name']} does not say that it is feedmill's"


def alerts(rendered: Rendered) -> Iterator[str]:
    """On metrics that somebody has, under the jobs' names that the PodMonitors give them."""
    jobs = {
        relabeling["replacement"]
        for monitor in rendered.kind("PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        for relabeling in endpoint.get("relabelings", [])
        if relabeling["targetLabel"] == "job"
    }
    asked = [
        rule["expr"]
        for one in rendered.kind("PrometheusRule")
        for group in one["spec"]["groups"]
        for rule in group["rules"]
    ] + [
        trigger["metadata"]["query"]
        for one in rendered.kind("ScaledObject")
        if jobs
        for trigger in one["spec"]["triggers"]
    ]
    for expression in asked:
        yield from (f"nobody has {name}: {expression}" for name in sorted(metrics_in(expression) - metric_names()))
        asked_of = {job for named in re.findall(r'job=~?"([^"]*)"', expression) for job in named.split("|")}
        # What is made of recording rules alone names no job: those do.
        if not asked_of <= jobs or (metrics_in(expression) and not asked_of):
            yield f"the jobs are {sorted(jobs)}: {expression}"


CHECKS: tuple[Check, ...] = (
    selectors, watchers, ways_out, ways_in, scaling, draining, probes, settings, images, restricted, volumes, logins,
    topics, permissions, namespaces, names, alerts,
)  # fmt: skip


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\bfeedmill_\w+", expression))


def metric_names() -> set[str]:
    """What a worker, the lag exporter and the ledger serve, by the names that stand in their answers."""
    metrics, lags, ledger = MillMetrics(), CollectorRegistry(), CollectorRegistry()
    metrics.watch_ready(lambda: True)
    metrics.watch_machine(Path(), lambda: 1)
    Exporter({}, Naming(), lags)
    Auditor({}, Naming(), Terms(2.0, 1.0, 1.0), ledger)
    return {
        name
        for registry in (metrics.registry, lags, ledger)
        for family in registry.collect()
        for name in (family.name, f"{family.name}_total", *(sample.name for sample in family.samples))
    }
