package cli

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
)

func newContext(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "context",
		Short: "Select one of the servers known from `penstock login`",
		Long: "Select one of the servers known from `penstock login`. " + app.EnvContext + " selects another one for\n" +
			"one command. " + app.EnvURL + ", --url and the variables with credentials override a context.",
	}
	cmd.AddCommand(newContextUse(), newContextList(e), newContextRemove())
	return cmd
}

func newContextUse() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Use this server for commands", Args: command.ExactArgs(1), ValidArgsFunction: contextNames,
		Example: "  penstock context use staging",
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeContexts(args[0], func(l *command.Contexts) { l.Current = args[0] })
		},
	}
}

func newContextRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a server and its token", Args: command.ExactArgs(1), ValidArgsFunction: contextNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeContexts(args[0], func(l *command.Contexts) {
				delete(l.All, args[0])
				if l.Current == args[0] {
					l.Current = ""
				}
			})
		},
	}
}

// changeContexts changes and saves the contexts. It returns a command.UsageError if none has the name.
func changeContexts(name string, change func(*command.Contexts)) error {
	l, err := command.ReadContexts()
	if err != nil {
		return err
	}
	if l.All[name] == nil {
		return command.Invalid(fmt.Errorf("there is no context %q: `penstock context list` shows those that there are", name))
	}
	change(l)
	return l.Save()
}

func newContextList(e command.Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the known servers, without their tokens", Args: command.ExactArgs(0)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := command.ReadContexts()
		if err != nil {
			return err
		}
		current := l.Current
		if e[app.EnvContext] != "" {
			current = e[app.EnvContext]
		}
		rows := []any{}
		for _, name := range slices.Sorted(maps.Keys(l.All)) {
			one := l.All[name]
			row := command.Object{"context": name, "url": one.URL, "user": one.User, "current": name == current}
			if !one.Expires.IsZero() {
				row["expires_at"] = one.Expires.UTC().Format(time.RFC3339)
			}
			rows = append(rows, row)
		}
		if asJSON {
			return command.PrintValue(cmd.OutOrStdout(), rows)
		}
		return command.PrintTable(cmd.OutOrStdout(), []command.Column{{"context", "context"}, {"url", "url"}, {"user", "user"}, {"token until", "expires_at"}, {"current", "current"}}, rows)
	}
	return cmd
}

func contextNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	l, err := command.ReadContexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(l.All)), cobra.ShellCompDirectiveNoFileComp
}
