package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/history"
)

func newHistory(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "history", Short: "Export, hold and erase ended runs, and move them to another database",
		Long: "Export, hold and erase ended runs, and move them to another database.\n\n" + command.RemoteHelp,
	}
	cmd.AddCommand(newHistoryExport(e), newHistoryHold(e, "hold", "Keep runs from being deleted, whatever their retention", true),
		newHistoryHold(e, "release", "Let runs that are held be deleted again", false), newHistoryErase(e), newHistoryCopy(e))
	return cmd
}

// chosenRuns are the flags that choose runs.
type chosenRuns struct{ filter, search string }

func (r *chosenRuns) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.filter, "filter", "", "the runs that fit the `expression`, as of runs list")
	cmd.Flags().StringVar(&r.search, "search", "", "the runs that contain all these `words`")
}

// post sends the flags with one more member. Error: neither flag is given.
func (r *chosenRuns) post(c *remoteCall, cmd *cobra.Command, path, name string, value bool) error {
	if r.filter == "" && r.search == "" {
		return command.Invalid(errors.New("which runs? Give --filter or --search"))
	}
	return c.send(cmd, http.MethodPost, path, command.Object{"filter": r.filter, "search": r.search, name: value}, "")
}

func newHistoryHold(e command.Env, verb, short string, held bool) *cobra.Command {
	var runs chosenRuns
	cmd := &cobra.Command{Use: verb, Short: short, Args: command.ExactArgs(0), Example: "  penstock history " + verb + ` --filter 'flow eq 69 and created_at ge "2026-11-01T00:00:00Z"'`}
	c := newCall(e, cmd)
	runs.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runs.post(c, cmd, "/v1/history/hold", "held", held)
	}
	return cmd
}

func newHistoryErase(e command.Env) *cobra.Command {
	var runs chosenRuns
	var dry bool
	cmd := &cobra.Command{
		Use: "erase", Short: "Erase what people have sent and got in ended runs", Args: command.ExactArgs(0),
		Long: "Erase the event, the parameters, headers, output, items, labels and error message of ended runs, and\n" +
			"keep the fact that they ran. Runs that are held stay as they are, and those that have not ended.",
		Example: "  penstock history erase --search zoe@example.org --dry-run\n  penstock history erase --filter 'labels contains \"customer=4711\"'",
	}
	c := newCall(e, cmd)
	runs.addFlags(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say how many runs match")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runs.post(c, cmd, "/v1/history/erase", "dry_run", dry)
	}
	return cmd
}

func newHistoryExport(e command.Env) *cobra.Command {
	var runs chosenRuns
	var file string
	cmd := &cobra.Command{
		Use: "export", Short: "Write ended runs as lines of JSON, the oldest first", Args: command.ExactArgs(0),
		Long: "Write ended runs with their events, outputs and steps as lines of JSON, the oldest first. An export\n" +
			"to a file that was interrupted goes on behind its last whole line when it is started again.",
		Example: "  penstock history export --filter 'flow eq 69' -o runs.jsonl",
	}
	c := newCall(e, cmd)
	runs.addFlags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this `file` instead of to standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{}
		for name, value := range map[string]string{"filter": runs.filter, "search": runs.search} {
			if value != "" {
				query.Set(name, value)
			}
		}
		out := cmd.OutOrStdout()
		if file != "" {
			f, cursor, err := openExport(file)
			if err != nil {
				return err
			}
			defer f.Close()
			if out = f; cursor != "" {
				query.Set("cursor", cursor)
			}
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		lines, err := server.Stream(cmd.Context(), "/v1/history/export?"+query.Encode(), "application/x-ndjson")
		if err != nil {
			return err
		}
		defer lines.Body.Close()
		if _, err := io.Copy(out, lines.Body); err != nil {
			return fmt.Errorf("the export ended early: %w; start it again to go on", err)
		}
		return nil
	}
	return cmd
}

// openExport opens a file behind its last whole line, and returns the cursor in that.
func openExport(file string) (f *os.File, cursor string, err error) {
	if f, err = os.OpenFile(file, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, "", fmt.Errorf("open export: %w", err)
	}
	whole := int64(0)
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the end, or a line that was cut off
			break
		}
		var l struct {
			Cursor string `json:"cursor"`
		}
		if err := json.Unmarshal(line, &l); err != nil || l.Cursor == "" {
			_ = f.Close()
			return nil, "", fmt.Errorf("%s is no export: its line at byte %d has no cursor", file, whole)
		}
		cursor, whole = l.Cursor, whole+int64(len(line))
	}
	if err := f.Truncate(whole); err != nil {
		_ = f.Close()
		return nil, "", fmt.Errorf("open export: %w", err)
	}
	return f, cursor, nil
}

// historyPlace returns the place that a flag gives, which has no password, or else that of a variable.
func historyPlace(e command.Env, flag, place, variable string) (string, error) {
	if place == "" {
		place, err := e.Secret(variable)
		if place == "" && err == nil {
			err = command.Invalid(fmt.Errorf("give %s or %s", flag, variable))
		}
		return place, err
	}
	if strings.HasPrefix(place, "sqlite:") {
		return place, nil
	}
	u, err := url.Parse(place)
	if err != nil {
		return "", command.Invalid(fmt.Errorf("%s is no URL", flag)) // the error has the place, which may have a password
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return "", command.Invalid(fmt.Errorf("%s has a password, which all users of this machine can see in the list of processes: put the place in %s, or in a file that %s_FILE names", flag, variable, variable))
	}
	return place, nil
}

func newHistoryCopy(e command.Env) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy a history to another database", Args: command.ExactArgs(0),
		Long: "Copy all runs and statistics of a history to another one, for instance from SQLite to PostgreSQL. Stop the\n" +
			"processes that write to either first, or copy again afterwards: what is there is replaced. A place with a password is\n" +
			"read from " + app.EnvHistoryFrom + " or " + app.EnvHistory + ", or from a file that " + app.EnvHistoryFrom + "_FILE or " + app.EnvHistory + "_FILE names.",
		Example: "  PENSTOCK_HISTORY_FILE=/run/secrets/history penstock history copy --from sqlite:/var/lib/penstock/history.db",
	}
	cmd.Flags().StringVar(&from, "from", "", "`place` of the history to read: sqlite:PATH or postgres://USER@HOST/NAME (default: "+app.EnvHistoryFrom+")")
	cmd.Flags().StringVar(&to, "to", "", "`place` of the history to write (default: "+app.EnvHistory+")")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := historyPlace(e, "--from", from, app.EnvHistoryFrom)
		if err != nil {
			return err
		}
		to, err := historyPlace(e, "--to", to, app.EnvHistory)
		if err != nil {
			return err
		}
		if from == to {
			return command.Invalid(errors.New("--from and --to are the same history"))
		}
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		if path, local := strings.CutPrefix(from, "sqlite:"); local { // Open would make it
			if _, err := os.Stat(path); err != nil {
				return fmt.Errorf("--from: %w", err)
			}
		}
		source, err := history.Open(cmd.Context(), from, log)
		if err != nil {
			return fmt.Errorf("--from: %w", err)
		}
		defer source.Close()
		target, err := history.Open(cmd.Context(), to, log)
		if err != nil {
			return fmt.Errorf("--to: %w", err)
		}
		defer target.Close()
		copied := 0
		if err := source.Copy(cmd.Context(), target, func(n int) {
			if copied = n; n%50_000 == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d runs\n", n)
			}
		}); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "copied %d runs\n", copied)
		return nil
	}
	return cmd
}
