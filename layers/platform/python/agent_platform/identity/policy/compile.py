"""Check and compile the policies: `python -m agent_platform.identity.policy.compile`.

`layers/policies` becomes `enforced`, and `layers/policies/next`, where there is one, becomes `next`: the version that
is evaluated in the shadow of the other. A file that `next` does not have is taken from the folder above.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from agent_platform.errors import DefinitionError, DefinitionFault
from agent_platform.identity.policy.actions import ALL_ACTIONS
from agent_platform.identity.policy.bundle import ENTRYPOINT, CompiledPolicy, PolicyFault
from agent_platform.identity.policy.lint import lint
from agent_platform.identity.policy.manifest import FORMAT, Manifest, RoleSummary, bundle_files
from agent_platform.identity.policy.policies import ENFORCED, NEXT
from agent_platform.identity.policy.question import Environment, Question, Resource
from agent_platform.identity.policy.source import DenialsFile, RolesFile, unknown_names
from agent_platform.identity.policy.tables import matches_action, tables
from agent_platform.identity.principal import Principal

ROLES, DENIALS = "roles.json", "denials.json"


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The files of one version, read and checked."""

    modules: Mapping[str, str]
    roles: RolesFile
    denials: DenialsFile

    @property
    def data(self) -> dict[str, Any]:
        """What the Rego finds under `data.policy`."""
        return tables(self.roles, self.denials)

    @property
    def version(self) -> str:
        """Twelve hex digits that change with everything that a decision depends on."""
        around = [self.denials.model_dump_json(include={"networks", "windows"}), json.dumps(self.data, sort_keys=True)]
        parts = [*(f"{name}\0{text}" for name, text in sorted(self.modules.items())), *around]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def read_source(folder: Path, base: Path | None = None) -> PolicySource:
    """Read and check the policy of a folder; what it lacks comes from `base`.

    Raises:
        DefinitionError: names every fault by file and line.
    """
    files = {**_files(base), **_files(folder)} if base else _files(folder)
    modules = {name: path.read_text(encoding="utf-8") for name, path in files.items() if name.endswith(".rego")}
    faults = [_fault(folder, each) for name, text in modules.items() for each in lint(name, text)]
    roles = _read(RolesFile, files.get(ROLES), folder / ROLES, faults)
    denials = _read(DenialsFile, files.get(DENIALS), folder / DENIALS, faults)
    if roles and denials:
        faults += [DefinitionFault(str(folder), 0, "", each) for each in unknown_names(roles, denials)]
    if faults or roles is None or denials is None:
        raise DefinitionError(faults)
    return PolicySource(modules, roles, denials)


def compile_policy(source: PolicySource, target: Path, name: str = ENFORCED) -> str:
    """Write manifest and bundle of one version into the folder `target`; returns the version.

    Raises:
        PolicyFault: the Rego cannot be compiled, or does not answer as it should.
    """
    from regopy import BundleFormat, Interpreter, RegoError

    target.mkdir(parents=True, exist_ok=True)
    manifest, bundle = bundle_files(target, name)
    # Under another name first, and tried: a reader sees the old pair or the new one, and a broken one never.
    draft = f"{name}.{os.getpid()}.draft"
    draft_manifest, draft_bundle = bundle_files(target, draft)
    try:
        rego = Interpreter()
        for module, text in sorted(source.modules.items()):
            rego.add_module(module, text)
        rego.add_data({"policy": source.data})
        built = rego.build(None, [ENTRYPOINT])
        if not built.ok():
            raise PolicyFault("The Rego cannot be compiled.")
        rego.save_bundle(str(draft_bundle), built, BundleFormat.Binary)
        told = _manifest(source, hashlib.sha256(draft_bundle.read_bytes()).hexdigest())
        draft_manifest.write_text(told.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        _try(CompiledPolicy(target, draft))
        draft_bundle.replace(bundle)
        draft_manifest.replace(manifest)
    except RegoError as error:
        raise PolicyFault(str(error)) from error
    finally:
        draft_bundle.unlink(missing_ok=True)
        draft_manifest.unlink(missing_ok=True)
    return told.version


def compile_policies(folder: Path, target: Path) -> dict[str, str]:
    """Compile `folder` and, where there is one, its `next`; returns their versions by name.

    Raises:
        DefinitionError: names every fault; nothing was written.
        PolicyFault: the Rego cannot be compiled, or does not answer as it should.
    """
    sources = {ENFORCED: read_source(folder)}
    if (folder / NEXT).is_dir():
        sources[NEXT] = read_source(folder / NEXT, base=folder)
    else:
        for path in bundle_files(target, NEXT):
            path.unlink(missing_ok=True)
    return {name: compile_policy(source, target, name) for name, source in sources.items()}


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("*")) if path.suffix in (".rego", ".json")}


def _read[M: BaseModel](model: type[M], path: Path | None, wanted: Path, faults: list[DefinitionFault]) -> M | None:
    if path is None:
        faults.append(DefinitionFault(str(wanted), 0, "", "is missing"))
        return None
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults += [
            DefinitionFault(str(path), 0, ".".join(map(str, each["loc"])), each["msg"])
            for each in error.errors(include_input=False)
        ]
        return None


def _fault(folder: Path, found: str) -> DefinitionFault:
    file, line, message = found.split(":", 2)
    return DefinitionFault(str(folder / file), int(line), "", message.strip())


def _manifest(source: PolicySource, digest: str) -> Manifest:
    roles = {
        name: RoleSummary(
            summary=role.summary, actions=[each for each in ALL_ACTIONS if matches_action(role.actions, each)]
        )
        for name, role in source.roles.roles.items()
    }
    return Manifest(
        format=FORMAT,
        version=source.version,
        sha256=digest,
        roles=roles,
        denials={each.id: each.reason for each in source.denials.denials},
        networks=source.denials.networks,
        windows=source.denials.windows,
    )


def _try(policy: CompiledPolicy) -> None:
    """Ask about somebody without any role, of whom the answer is known: the Rego must say no, and say it in form."""
    nobody = Principal("nobody", "", frozenset(), token_id="")
    for action in ALL_ACTIONS:
        if policy.ask(Question(nobody, action, Resource("agent", "a/b", ["t"], 1.0), Environment())).allow:
            raise PolicyFault(f"The policy allows `{action}` to somebody without any role.")


def main() -> int:
    """Command line; exit code 1 when a policy is faulty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=Path, default=Path("layers/policies"))
    parser.add_argument("--output", type=Path, default=Path("build/policies"))
    options = parser.parse_args()
    try:
        versions = compile_policies(options.policies, options.output)
    except (DefinitionError, PolicyFault) as error:
        sys.stderr.write(f"{error}\nThe policies were not built: mend them first.\n")
        return 1
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    sys.stdout.write(f"Policies in {options.output}: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
