package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

// rightsHelp says what the rights are.
const rightsHelp = "TO is user:NAME, group:NAME, key:KEY or client:IDENTIFIER; RIGHT is run, see, payloads, edit, operate or administer.\n" +
	"FOLDER is as in flow files, crm/contacts; / is the top."

// newFolder returns the commands for who has which rights in folders of flows.
func newFolder(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "folder", Short: "Manage who has which rights in folders of flows",
		Long: "Manage who has which rights in folders of flows. A right in a folder holds in the folders in it, too. A flow says in its\n" +
			"file in which folder it is.\n\n" + command.RemoteHelp,
	}
	show := &cobra.Command{Use: "show FOLDER", Short: "Show a folder, with who has which rights in it", Args: command.ExactArgs(1)}
	c := newCall(e, show)
	show.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodGet, client.FolderPath(args[0]), nil, "")
	}
	grant := newGrant(e, "grant FOLDER TO RIGHT…", "Give rights in a folder, besides those that are there", 3, func(held, rights []string) []string {
		return slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(held), rights...))))
	})
	revoke := newGrant(e, "revoke FOLDER TO [RIGHT…]", "Take rights in a folder; without a right, all of them", 2, func(held, rights []string) []string {
		return slices.DeleteFunc(slices.Clone(held), func(r string) bool { return len(rights) == 0 || slices.Contains(rights, r) })
	})
	cmd.AddCommand(newList(e, "List the folders in which you have a right", "/v1/folders", []command.Column{
		{"folder", "folder"}, {"flows", "flows"}, {"your rights", "rights"}, {"updated", "updated_at"},
	}), show, grant, revoke)
	return cmd
}

// newGrant returns a command that changes the rights of one in a folder. change returns those that it has then.
func newGrant(e command.Env, use, short string, least int, change func(held, rights []string) []string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: short + ".\n\n" + rightsHelp, Args: command.UsageArgs(cobra.MinimumNArgs(least))}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		if err := changeGrant(cmd.Context(), server, args[0], args[1], func(held []string) []string { return change(held, args[2:]) }); err != nil {
			return err
		}
		return c.send(cmd, http.MethodGet, client.FolderPath(args[0]), nil, "")
	}
	return cmd
}

// changeGrant changes the rights of one in a folder. It fails when somebody else changes the folder meanwhile.
func changeGrant(ctx context.Context, server *client.Client, folder, to string, change func(held []string) []string) error {
	f, err := server.Folder(ctx, folder)
	if err != nil {
		return err
	}
	if f.Grants == nil {
		return fmt.Errorf("you do not administer the folder %s", f.Name)
	}
	var held []string
	grants := slices.DeleteFunc(slices.Clone(f.Grants), func(g client.FolderGrant) bool {
		if g.To != to {
			return false
		}
		held = g.Rights
		return true
	})
	if rights := change(held); len(rights) > 0 {
		grants = append(grants, client.FolderGrant{To: to, Rights: rights})
	} else if held == nil {
		return command.Invalid(errors.New(strings.TrimSpace(to + " has no right in this folder itself")))
	}
	return server.SetGrants(ctx, f, grants)
}
