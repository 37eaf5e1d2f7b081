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
			{flag: "key", member: "key", help: "the `key` itself; made up when it is left out", once: true},
			{flag: "name", member: "name", help: "what it is for"},
			{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; made up when it is left out"},
			{flag: "api-access", member: "api_access", kind: boolField, help: "let it call flows"},
			{flag: "flows", member: "flows", kind: flowsField, help: "the `numbers` of the flows that it may call; all, or left out: every flow"},
			{flag: "ts-window", member: "ts_window", kind: countField, help: "`seconds` that a timestamp may be off"},
			{flag: "on-replay", member: "on_replay", help: "`refuse` or attach: what becomes of the same request again"},
			{flag: "signature-v1", member: "signature_v1", kind: boolField, help: "take the first version of Penstock-Signature, which covers the body only"},
			{flag: "impersonate", member: "impersonate", kind: listField, help: "`users` whom its assertions may act as"},
			{flag: "public-key-file", member: "public_key", kind: secretField, help: "`file` with the public key that verifies its assertions (PEM)"},
			{flag: "rate-limit", member: "rate_limit", help: "a `rate` of its own: 10/s, 600/m"},
		},
		acts: []act{{
			verb: "rotate", suffix: "rotate", short: "Give a key a new secret; the old one works for an overlap",
			fields: []field{{flag: "overlap", member: "overlap_seconds", kind: countField, help: "`seconds` for which the old secret works"}},
		}},
	}.command(e)
	cmd.AddCommand(newKeyReseal(e))
	return cmd
}
