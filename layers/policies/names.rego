# The names by which policies and API keys may mean an action or an agent.
package authz.names

import rego.v1

# `workflows:write`: itself, `workflows:*`, `*`.
of_action contains input.action

of_action contains "*"

of_action contains concat(":", [split(input.action, ":")[0], "*"])

# `sales/deal-inspector`: itself, `sales/*`, `*`. What is no agent has none of these names.
of_agent contains input.resource.id if input.resource.kind == "agent"

of_agent contains "*" if input.resource.kind == "agent"

of_agent contains concat("/", [split(input.resource.id, "/")[0], "*"]) if input.resource.kind == "agent"
