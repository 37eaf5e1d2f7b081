package cli

import "github.com/spf13/cobra"

func newUser(e env) *cobra.Command {
	return resource{
		name: "user", what: "user", path: "/v1/users", id: "NAME",
		columns: []column{{"name", "name"}, {"roles", "roles"}, {"disabled", "disabled"}, {"created", "created_at"}},
		fields: []field{
			{flag: "name", member: "name", help: "the user's `name`", once: true},
			{flag: "password-file", member: "password", kind: secretField, help: "`file` with the password, - for standard input"},
			{flag: "roles", member: "roles", kind: listField, help: "`roles`: admin, operator, viewer, api_user"},
			{flag: "disabled", member: "disabled", kind: boolField, help: "disable the user"},
		},
	}.command(e)
}
