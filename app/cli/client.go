package cli

import "github.com/spf13/cobra"

func newClient(e env) *cobra.Command {
	return resource{
		name: "client", what: "API client", path: "/v1/clients", id: "IDENTIFIER",
		columns: []column{
			{"identifier", "identifier"}, {"name", "name"}, {"scopes", "scopes"}, {"token minutes", "token_ttl_minutes"},
			{"assertion until", "assertion_expires_on"}, {"disabled", "disabled"},
		},
		fields: []field{
			{flag: "name", member: "name", help: "what it is for"},
			{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; default: a generated one", once: true},
			{flag: "scopes", member: "scopes", kind: listField, help: "`scopes` of its tokens: flows:run,runs:read"},
			{flag: "disabled", member: "disabled", kind: boolField, help: "disable the client"},
			{flag: "time-zone", member: "time_zone", help: "time `zone` of the assertion's last day: Europe/Berlin"},
			{flag: "assertion-expires-on", member: "assertion_expires_on", help: "last `day` of its assertion: 2027-12-31"},
			{flag: "token-ttl", member: "token_ttl_minutes", kind: countField, help: "lifetime of its tokens in `minutes`"},
			{flag: "reminder-emails", member: "reminder_emails", kind: listField, help: "e-mail `addresses` to remind before the assertion expires"},
			{flag: "scope-separator", member: "scope_separator", help: "`separator` of scopes in responses of the token endpoint: comma or space"},
		},
		actions: []action{
			{verb: "assertion", suffix: "assertion", short: "Create and print a new assertion; the previous one and all tokens are revoked", show: "assertion"},
			{verb: "token", suffix: "token", short: "Create and print an access token", show: "access_token"},
			{
				verb: "secret", suffix: "secret", short: "Give a client a new secret; the old one becomes invalid",
				fields: []field{{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; default: a generated one"}},
			},
		},
	}.command(e)
}
