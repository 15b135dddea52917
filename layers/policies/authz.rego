# The decision. Every way into the platform asks for `data.authz.decision`, and nothing else is ever asked.
#
# input.principal    roles; scopes and agents of an API key, null for a person
# input.action       `resource:verb`
# input.resource     kind; id, null where none is meant; tags; cost_usd, null where nothing is paid
# input.environment  networks: names of those that the caller asks from, null where that is not known;
#                    windows: names of the windows of time that are open now
#
# data.policy is compiled from roles.json and denials.json: tables by action, so that a decision looks things up and
# walks through nothing. Whatever is undefined denies, since `allow` needs each of its lines to hold.
package authz

import rego.v1

import data.authz.denials
import data.authz.grants

default allow := false

allow if {
	question_is_whole
	count(grants.granting) > 0
	grants.key_covers_action
	grants.key_covers_resource
	count(denials.denying) == 0
}

# Without these a denial could not be looked up, and nobody may pass for what was left out.
question_is_whole if {
	is_object(data.policy.denials[input.action])
	is_array(input.principal.roles)
	is_string(input.resource.kind)
	is_array(input.resource.tags)
	is_array(input.environment.windows)
}

# Why not, as codes that the platform puts into words.
refusals contains "question" if not question_is_whole

refusals contains "role" if {
	not grants.some_role_names_action
	count(grants.granting) == 0
}

refusals contains "role_for_agent" if {
	grants.some_role_names_action
	count(grants.granting) == 0
}

refusals contains "scope" if not grants.key_covers_action

refusals contains "key_for_agent" if not grants.key_covers_resource

decision := {
	"allow": allow,
	"granted_by": grants.granting,
	"refusals": refusals,
	"denied_by": denials.denying,
}
