package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/internal/atomicfile"
)

func newContext(e env) *cobra.Command {
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
		Use: "use NAME", Short: "Use this server for commands", Args: exactArgs(1), ValidArgsFunction: contextNames,
		Example: "  penstock context use staging",
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeContexts(args[0], func(l *contexts) { l.Current = args[0] })
		},
	}
}

func newContextRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a server and its token", Args: exactArgs(1), ValidArgsFunction: contextNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeContexts(args[0], func(l *contexts) {
				delete(l.All, args[0])
				if l.Current == args[0] {
					l.Current = ""
				}
			})
		},
	}
}

// changeContexts changes and saves the contexts. It returns a usageError if none has the name.
func changeContexts(name string, change func(*contexts)) error {
	l, err := readContexts()
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
	cmd := &cobra.Command{Use: "list", Short: "List the known servers, without their tokens", Args: exactArgs(0)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := readContexts()
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
	l, err := readContexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(l.All)), cobra.ShellCompDirectiveNoFileComp
}

// contexts are the servers for which `penstock login` has stored tokens. The file contains credentials: only its owner
// may read it.
type contexts struct {
	Current string                   `json:"current,omitempty"`
	All     map[string]*contextEntry `json:"contexts"` // by name
}

// contextEntry is one server with its token. Passwords are not stored.
type contextEntry struct {
	URL     string    `json:"url"`
	User    string    `json:"user,omitempty"` // empty: unknown
	Token   string    `json:"token"`
	Expires time.Time `json:"expires_at,omitzero"` // zero: unknown
}

// String keeps the token out of anything printed.
func (l *contextEntry) String() string { return l.URL }

// GoString keeps the token out of %#v.
func (l *contextEntry) GoString() string { return l.URL }

// contextsFile returns the path of contexts.json in the user's configuration directory.
func contextsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find contexts: %w", err)
	}
	return filepath.Join(dir, "penstock", "contexts.json"), nil
}

// readContexts reads the contexts; empty without a file or a home directory. It returns an error if other users may
// read the file.
func readContexts() (*contexts, error) {
	none := &contexts{All: map[string]*contextEntry{}}
	name, err := contextsFile()
	if err != nil {
		return none, nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return none, nil
	case err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("read contexts: others may read %s, which holds credentials: chmod 600 it", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read contexts: %w", err)
	}
	var l contexts
	if json.Unmarshal(text, &l) != nil { // its error may contain a part of a token
		return nil, fmt.Errorf("read contexts: %s is not what `penstock login` writes: remove it, and log in again", name)
	}
	for _, one := range l.All {
		if one == nil {
			return nil, fmt.Errorf("read contexts: %s is not what `penstock login` writes: remove it, and log in again", name)
		}
	}
	if l.All == nil {
		l.All = none.All
	}
	return &l, nil
}

// save replaces the file atomically.
func (l *contexts) save() error {
	name, err := contextsFile()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	if err := atomicfile.Replace(name, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	return nil
}

// current returns the context selected by PENSTOCK_CONTEXT or `context use`; nil when none is selected.
func (l *contexts) current(e env) (*contextEntry, error) {
	name := l.Current
	if e[app.EnvContext] != "" {
		name = e[app.EnvContext]
	}
	if name == "" {
		return nil, nil
	}
	if l.All[name] == nil {
		return nil, usageError{fmt.Errorf("there is no context %q: `penstock context list` shows those that there are", name)}
	}
	return l.All[name], nil
}

// forServer returns the context of a server; nil when there is none. A token is sent only to the server that issued it.
func (l *contexts) forServer(url string) *contextEntry {
	for _, one := range l.All {
		if sameServer(one.URL, url) {
			return one
		}
	}
	return nil
}

func sameServer(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}
