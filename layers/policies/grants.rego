# What roles grant, and how far an API key bounds that.
#
# data.policy.grants   action → role → names of agents (true), groups of agents written out
package authz.grants

import rego.v1

import data.authz.names

# Roles of the caller that grant the action on this resource.
granting contains role if {
	input.resource.kind != "agent"
	some role in input.principal.roles
	data.policy.grants[input.action][role]
}

granting contains role if {
	some role in input.principal.roles
	some name in names.of_agent
	data.policy.grants[input.action][role][name]
}

some_role_names_action if {
	some role in input.principal.roles
	data.policy.grants[input.action][role]
}

# A person is bounded by roles alone.
key_covers_action if input.principal.scopes == null

key_covers_action if {
	some name in names.of_action
	name in input.principal.scopes
}

key_covers_resource if input.principal.agents == null

key_covers_resource if input.resource.kind != "agent"

key_covers_resource if {
	some name in names.of_agent
	name in input.principal.agents
}
