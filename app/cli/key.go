package cli

import "github.com/spf13/cobra"

func newKey(e env) *cobra.Command {
	cmd := resource{
		name: "key", what: "API key", path: "/v1/keys", id: "KEY",
		columns: []column{
			{"key", "key"}, {"name", "name"}, {"api access", "api_access"}, {"only flows", "flows"}, {"window", "ts_window"}, {"on replay", "on_replay"},
			{"rate", "rate_limit"},
		},
		fields: []field{
			{flag: "key", member: "key", help: "public id of the `key`; default: a generated one", once: true},
			{flag: "name", member: "name", help: "what it is for"},
			{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; default: a generated one"},
			{flag: "api-access", member: "api_access", kind: boolField, help: "enable the key"},
			{flag: "flows", member: "flows", kind: flowsField, help: "`numbers` of the flows that it may call; default: all"},
			{flag: "ts-window", member: "ts_window", kind: countField, help: "maximum deviation of a timestamp in `seconds`"},
			{flag: "on-replay", member: "on_replay", help: "response to a repeated request: `refuse`, or attach to the first run"},
			{flag: "signature-v1", member: "signature_v1", kind: boolField, help: "accept version 1 of Penstock-Signature, which covers the body only"},
			{flag: "impersonate", member: "impersonate", kind: listField, help: "`users` that its assertions may act as"},
			{flag: "public-key-file", member: "public_key", kind: secretField, help: "`file` with the public key that verifies its assertions (PEM)"},
			{flag: "rate-limit", member: "rate_limit", help: "a `rate` of its own: 10/s, 600/m"},
		},
		actions: []action{{
			verb: "rotate", suffix: "rotate", short: "Give a key a new secret; the old one stays valid for an overlap",
			fields: []field{{flag: "overlap", member: "overlap_seconds", kind: countField, help: "`seconds` for which the old secret stays valid"}},
		}},
	}.command(e)
	cmd.AddCommand(newKeyReseal(e))
	return cmd
}
