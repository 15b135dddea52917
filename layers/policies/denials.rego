# Denials beat every grant. What meets all conditions of a denial is denied.
#
# data.policy.denials   action → ids of denials: `always`, `by_tag`, `by_agent`
# data.policy.denial    id → its conditions
#
# A denial stands unless one of its conditions is known not to be met: who asks from an unknown address is met by what
# names networks, either way.
package authz.denials

import rego.v1

import data.authz.names

denying contains id if {
	some id in candidates
	not spared(data.policy.denial[id])
}

candidates contains id if some id in data.policy.denials[input.action].always

candidates contains id if {
	some tag in input.resource.tags
	some id in data.policy.denials[input.action].by_tag[tag]
}

candidates contains id if {
	some name in names.of_agent
	some id in data.policy.denials[input.action].by_agent[name]
}

spared(denial) if {
	some role in denial.unless_roles
	role in input.principal.roles
}

spared(denial) if {
	named := denial.agents
	not one_of(names.of_agent, named)
}

# Nothing is paid for, or no more than the denial lets pass.
spared(denial) if {
	denial.cost_above_usd
	input.resource.cost_usd == null
}

spared(denial) if {
	is_number(input.resource.cost_usd)
	input.resource.cost_usd <= denial.cost_above_usd
}

spared(denial) if {
	named := denial.networks
	is_array(input.environment.networks)
	not one_of(input.environment.networks, named)
}

spared(denial) if one_of(input.environment.networks, denial.outside_networks)

spared(denial) if {
	named := denial.windows
	not one_of(input.environment.windows, named)
}

spared(denial) if one_of(input.environment.windows, denial.outside_windows)

one_of(these, those) if {
	some each in these
	each in those
}
