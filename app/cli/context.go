package cli

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
)

func newContext(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "context",
		Short: "Choose among the servers that `penstock login` knows",
		Long: "Choose among the servers that `penstock login` knows. " + app.EnvContext + " names another one for\n" +
			"one command. " + app.EnvURL + " and --url, and the variables that say who calls, win over a context.",
	}
	cmd.AddCommand(newContextUse(), newContextList(e), newContextRemove())
	return cmd
}

func newContextUse() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Let commands talk to this server", Args: exactly(1), ValidArgsFunction: contextNames,
		Example: "  penstock context use staging",
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeLogins(args[0], func(l *logins) { l.Current = args[0] })
		},
	}
}

func newContextRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Forget a server and the token for it", Args: exactly(1), ValidArgsFunction: contextNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeLogins(args[0], func(l *logins) {
				delete(l.All, args[0])
				if l.Current == args[0] {
					l.Current = ""
				}
			})
		},
	}
}

// changeLogins changes and saves the logins, of which one must have the name.
func changeLogins(name string, change func(*logins)) error {
	l, err := readLogins()
	if err != nil {
		return err
	}
	if l.All[name] == nil {
		return usageError{fmt.Errorf("there is no context %q: `penstock context list` shows those that there are", name)}
	}
	change(l)
	return l.save()
}

func newContextList(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the servers that are known; no token is shown", Args: exactly(0)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := readLogins()
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
			row := object{"context": name, "url": one.URL, "user": one.User, "current": name == current}
			if !one.Expires.IsZero() {
				row["expires_at"] = one.Expires.UTC().Format(time.RFC3339)
			}
			rows = append(rows, row)
		}
		if asJSON {
			return printValue(cmd.OutOrStdout(), rows)
		}
		return printTable(cmd.OutOrStdout(), []column{{"context", "context"}, {"url", "url"}, {"user", "user"}, {"token until", "expires_at"}, {"current", "current"}}, rows)
	}
	return cmd
}

func contextNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	l, err := readLogins()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(l.All)), cobra.ShellCompDirectiveNoFileComp
}
