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
			{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; made up when it is left out", once: true},
			{flag: "scopes", member: "scopes", kind: listField, help: "what its tokens may do: `flows:run`,runs:read"},
			{flag: "disabled", member: "disabled", kind: boolField, help: "let nobody in with it"},
			{flag: "time-zone", member: "time_zone", help: "the `zone` whose midnight ends its assertion: Europe/Berlin"},
			{flag: "assertion-expires-on", member: "assertion_expires_on", help: "the assertion's last `day`: 2027-12-31"},
			{flag: "token-ttl", member: "token_ttl_minutes", kind: countField, help: "`minutes` that a token lives"},
			{flag: "reminder-emails", member: "reminder_emails", kind: listField, help: "`addresses` that are told before the assertion ends"},
			{flag: "scope-separator", member: "scope_separator", help: "what stands between scopes in the answer of its token endpoint"},
		},
		acts: []act{
			{verb: "assertion", suffix: "assertion", short: "Make a new assertion, and print it; the one before and all tokens die", show: "assertion"},
			{verb: "token", suffix: "token", short: "Make an access token, and print it", show: "access_token"},
			{
				verb: "secret", suffix: "secret", short: "Give a client a new secret; the old one dies",
				fields: []field{{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; made up when it is left out"}},
			},
		},
	}.command(e)
}
