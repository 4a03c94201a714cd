"""What ships and how it runs: the image and the deployments keep the rules that the security page states.

The image itself is built and run by `scripts/container`.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge.config.settings import variables

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SHIPPED = DOCKERFILE.split("FROM ${BASE}")[-1]
COMPOSE = ROOT / "deploy" / "compose.yaml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
UNIT = (ROOT / "deploy" / "bridge.container").read_text()


def loaded(file: Path) -> Any:
    """A YAML file as plain values."""
    return YAML(typ="safe").load(file.read_text())


def deployment() -> Any:
    """The pod that Kubernetes runs."""
    return loaded(KUBERNETES / "deployment.yaml")["spec"]["template"]["spec"]


def test_everything_installed_is_held_to_hashes() -> None:
    installs = re.findall(r"pip (?:--\S+ (?:/\S+ )?)*install (.+)", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_no_address_of_a_package_index_is_in_any_file_that_builds() -> None:
    address = re.compile(r"https?://(?!127\.0\.0\.1)|--(extra-)?index-url|--find-links|--trusted-host")
    for name in ("Dockerfile", "scripts/container", ".dockerignore"):
        assert not address.search((ROOT / name).read_text()), name


def test_the_image_runs_as_nobody_with_its_state_in_one_place() -> None:
    assert "USER 10001:10001" in SHIPPED
    assert "VOLUME /var/lib/bridge" in SHIPPED
    assert 'ENTRYPOINT ["bridge"]' in SHIPPED
    assert 'CMD ["serve"]' in SHIPPED
    assert re.search(r"HEALTHCHECK .*\\\n +CMD \[", SHIPPED), "the exec form needs no shell"


def test_the_image_sets_only_settings_that_exist() -> None:
    known = {each.name for each in variables()}
    assert set(re.findall(r"\b(BRIDGE_\w+)=", DOCKERFILE)) <= known


def test_no_secret_can_reach_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert not any(".env" in line or ".db" in line for line in lines if line.startswith("!"))


def test_the_wheel_carries_the_mappings() -> None:
    assert '"mappings" = "bridge/shipped_mappings"' in (ROOT / "pyproject.toml").read_text()


def test_the_wheel_carries_the_page_of_codes_and_the_builder_is_given_it() -> None:
    for page in ("codes.md", "es/codes.md"):
        assert f'"docs/{page}" = "bridge/documentation/{page}"' in (ROOT / "pyproject.toml").read_text()
        assert f"COPY docs/{page} docs/{page}" in DOCKERFILE
        assert f"!docs/{page}" in (ROOT / ".dockerignore").read_text()


@pytest.mark.parametrize("kind", ["compose", "quadlet", "kubernetes"])
def test_every_deployment_runs_without_rights_on_a_read_only_file_system(kind: str) -> None:
    if kind == "compose":
        for service in loaded(COMPOSE)["services"].values():
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert "no-new-privileges:true" in service["security_opt"]
            assert not service["user"].startswith("0")
    elif kind == "quadlet":
        for line in ("User=10001", "ReadOnly=true", "DropCapability=all", "NoNewPrivileges=true"):
            assert line in UNIT.splitlines()
    else:
        [container] = deployment()["containers"]
        assert deployment()["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("kind", ["compose", "quadlet", "kubernetes"])
def test_every_deployment_has_its_secrets_as_files_and_observes_until_told(kind: str) -> None:
    secret = {each.name.lower() for each in variables() if each.secret}
    if kind == "compose":
        bridge = loaded(COMPOSE)["services"]["bridge"]
        files, environment = set(bridge["secrets"]), bridge["environment"]
        assert environment["BRIDGE_MODE"] == "${BRIDGE_MODE:-observe}"
    elif kind == "quadlet":
        files = set(re.findall(r"^Secret=(\w+),type=mount", UNIT, re.MULTILINE))
        environment = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT, re.MULTILINE))
        assert environment["BRIDGE_MODE"] == "observe"
    else:
        [container] = deployment()["containers"]
        files = set(loaded(KUBERNETES / "secret.example.yaml")["stringData"])
        environment = {each["name"]: each["value"] for each in container["env"]}
        assert environment["BRIDGE_MODE"] == "observe"
        assert {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True} in container["volumeMounts"]
    assert files <= secret
    assert {"bridge_civicrm__api_key", "bridge_airtable__token", "bridge_state_key"} <= files
    known = {each.name for each in variables()}
    keyed = tuple(name.partition("<")[0] for name in known if "<" in name)
    assert all(name in known or name.startswith(keyed) for name in environment)
    assert {name.lower() for name in environment} & secret <= {"bridge_state_url"}, "a secret is no variable"


def test_kubernetes_adds_no_variables_that_bridge_would_refuse() -> None:
    """A service called `bridge` makes Kubernetes set BRIDGE_PORT in the pod, and bridge refuses settings it does not know."""
    assert deployment()["enableServiceLinks"] is False


def test_kustomize_names_files_that_are_there_or_are_to_be_copied() -> None:
    for name in loaded(KUBERNETES / "kustomization.yaml")["resources"]:
        copied = name == "secret.yaml"
        assert (KUBERNETES / ("secret.example.yaml" if copied else name)).is_file(), name


def test_every_manifest_says_what_it_is() -> None:
    for file in KUBERNETES.glob("*.yaml"):
        assert {"apiVersion", "kind"} <= set(loaded(file)), file.name


def test_the_images_of_others_are_named_in_one_place_each_and_can_be_pinned_there() -> None:
    """Their digests are not to be had where this is built: whoever deploys fills them in, and is told where."""
    compose = loaded(COMPOSE)["services"]
    assert compose["bridge"]["build"]["args"] == {"BASE": "${BASE_IMAGE:-debian:bookworm-slim}"}
    assert "ARG BASE=debian:bookworm-slim\n" in DOCKERFILE
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert compose["database"]["image"] == "${POSTGRES_IMAGE:-postgres:17-bookworm}"
    told = (ROOT / "deploy" / "README.md").read_text()
    pinning = told[told.index("## Pinning the images") : told.index("## Running")]
    assert all(
        each in pinning
        for each in ("BASE_IMAGE=", "POSTGRES_IMAGE=", "--build-arg BASE=", "`digest: sha256:…`", "Image=…@sha256")
    )
