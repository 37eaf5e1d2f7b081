package cli

import (
	"net/http"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

// newToken returns the commands for the personal tokens of the user who calls.
func newToken(e command.Env) *cobra.Command {
	r := resource{name: "token", what: "personal token", path: "/v1/tokens", id: "ID"}
	cmd := &cobra.Command{
		Use: r.name, Short: "Manage your personal tokens, for scripts and CI",
		Long: "Manage the personal tokens of the user who calls. A token allows those of its scopes that the user still holds, until it\n" +
			"expires or is revoked, or the user is disabled.\n\n" + command.RemoteHelp,
	}
	remove := r.newDelete(e)
	remove.Use, remove.Short, remove.Long = "revoke ID…", "Revoke personal tokens at once", ""
	r.completeIDs(e, remove)
	cmd.AddCommand(newTokenCreate(e, r), newList(e, "List your personal tokens", r.path, []command.Column{
		{"id", "id"}, {"name", "name"}, {"scopes", "scopes"}, {"expires", "expires_at"}, {"used", "used_at"},
	}), remove)
	return cmd
}

func newTokenCreate(e command.Env, r resource) *cobra.Command {
	var name string
	var scopes []string
	var days int
	cmd := &cobra.Command{
		Use: "create", Short: "Make a personal token and print it, once", Args: command.ExactArgs(0),
		Long: "Make a personal token and print it: nothing shows it again. It takes the user's password, not a token.",
	}
	c := newCall(e, cmd)
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "what it is for")
	flags.StringSliceVar(&scopes, "scopes", nil, "`scopes` of the token, within yours: flows:read,flows:write")
	flags.IntVar(&days, "days", 90, "how many `days` it lives, at most 366")
	_ = cmd.MarkFlagRequired("name")
	_ = cmd.MarkFlagRequired("scopes")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.send(cmd, http.MethodPost, r.path, command.Object{"name": name, "scopes": scopes, "days": days}, "token")
	}
	return cmd
}
