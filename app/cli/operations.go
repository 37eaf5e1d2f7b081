package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

var operationColumns = []command.Column{
	{"operation", "id"}, {"action", "action"}, {"state", "state"}, {"created", "created_at"}, {"total", "total"}, {"done", "done"},
	{"failed", "failed"}, {"skipped", "skipped"}, {"by", "by"},
}

var resultColumns = []command.Column{{"run", "run_id"}, {"result", "result"}, {"by", "by"}, {"code", "code"}, {"detail", "detail"}}

func newOperations(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "operations", Short: "Show and stop operations on many runs", Long: "Show and stop operations on many runs, which `penstock runs bulk` begins.\n\n" + command.RemoteHelp}
	cmd.AddCommand(newList(e, "List operations, the newest first", operationsPath, operationColumns), newOperationsShow(e), newOperationsStop(e))
	return cmd
}

func newOperationsShow(e command.Env) *cobra.Command {
	var results bool
	var page int
	cmd := &cobra.Command{Use: "show OPERATION", Short: "Show the progress of an operation, or the results of its runs", Args: command.ExactArgs(1)}
	c := newCall(e, cmd)
	cmd.Flags().BoolVar(&results, "results", false, "show what became of each run, 200 on a page")
	cmd.Flags().IntVar(&page, "page", 1, "the `page` of the results")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := operationsPath + "/" + url.PathEscape(args[0])
		if !results {
			return c.send(cmd, http.MethodGet, path, nil, "")
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodGet, fmt.Sprintf("%s/results?page_size=200&page=%d", path, page), nil)
		if err != nil {
			return err
		}
		if c.asJSON {
			return command.PrintIndented(cmd.OutOrStdout(), text)
		}
		var all struct {
			Items []any `json:"items"`
		}
		if err := json.Unmarshal(text, &all); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return command.PrintTable(cmd.OutOrStdout(), resultColumns, all.Items)
	}
	return cmd
}

func newOperationsStop(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "stop OPERATION", Short: "End an operation; what was done stays done", Args: command.ExactArgs(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodPost, operationsPath+"/"+url.PathEscape(args[0])+"/stop", nil, "")
	}
	return cmd
}

const bulkHelp = `The server applies an action, resume, replay, cancel, resolve or ignore, to all runs that the flags choose, one after another at a rate
that live traffic does not feel. The runs are chosen once, at most 100,000. The operation goes on when a worker is replaced, and when this
command ends: ` + "`penstock operations show`" + ` shows it then, ` + "`penstock operations stop`" + ` ends it.

The command first shows what the operation would do, and asks; --yes does not ask, --dry-run only shows it. Runs with uncertain
effects are skipped, unless --assume says for each step what became of them.`

const operationsPath = "/v1/operations"

// bulkBody is the body of a request to begin an operation.
type bulkBody struct {
	Action  string            `json:"action"`
	Filter  string            `json:"filter,omitempty"`
	Rate    int               `json:"rate,omitempty"`
	Version string            `json:"version,omitempty"`
	Assume  map[string]string `json:"assume,omitempty"`
	DryRun  bool              `json:"dry_run,omitempty"`
	AsOf    time.Time         `json:"as_of,omitzero"` // that of the plan that was shown
}

// bulkPlan is what an operation would do.
type bulkPlan struct {
	AsOf     time.Time      `json:"as_of"`
	Total    int            `json:"total"`
	Examined int            `json:"examined"`
	Applies  int            `json:"applies"`
	Skipped  map[string]int `json:"skipped"`
	Steps    []any          `json:"steps"`
}

// operationView is an operation with its progress.
type operationView struct {
	ID      string `json:"id"`
	Action  string `json:"action"`
	State   string `json:"state"`
	Total   int    `json:"total"`
	Done    int    `json:"done"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
}

func newRunsBulk(e command.Env) *cobra.Command {
	var body bulkBody
	var filter runsFilter
	var yes bool
	actions := []string{"resume", "replay", "cancel", "resolve", "ignore"}
	cmd := &cobra.Command{
		Use: "bulk ACTION", Short: "Resume, replay, cancel, resolve or ignore many runs", Long: bulkHelp, Args: command.ExactArgs(1), ValidArgs: actions,
		Example: "  penstock runs bulk resume --state failed --flow orders --since 24h --dry-run\n" +
			"  penstock runs bulk resume --state failed --flow orders --since 24h --rate 50\n" +
			"  penstock runs bulk ignore --filter 'triage eq \"open\" and created_at lt \"2026-11-01\"' --yes",
	}
	c := newCall(e, cmd)
	filter.addFlags(cmd)
	f := cmd.Flags()
	f.String("filter", "", "those that match a filter `expression`, as of runs list")
	f.IntVar(&body.Rate, "rate", 0, "runs in a second; default 50")
	f.StringVar(&body.Version, "version", "", "`pinned`, the versions of the runs (default of resume), or current (default of replay)")
	f.StringToStringVar(&body.Assume, "assume", nil, "what became of the uncertain effects of a step: `STEP=done` or STEP=not_done")
	f.BoolVar(&body.DryRun, "dry-run", false, "show the plan and change nothing")
	f.BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if body.Action = args[0]; !slices.Contains(actions, body.Action) {
			return command.Invalid(fmt.Errorf("%q is not one of %s", body.Action, strings.Join(actions, ", ")))
		}
		if body.Filter, err = filter.filter(cmd, e); err != nil {
			return err
		}
		if body.Filter == "" {
			return command.Invalid(errors.New("say which runs: --state, --flow, --since or --filter"))
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		if body.DryRun || !yes {
			if !body.DryRun && !(isTerminal(cmd.ErrOrStderr()) && term.IsTerminal(0)) {
				return command.Invalid(errors.New("there is no terminal to ask on: say --dry-run, or --yes"))
			}
			if goesOn, err := c.planBulk(cmd, server, &body); err != nil || !goesOn {
				return err
			}
		}
		return c.beginBulk(cmd, server, body)
	}
	return cmd
}

// planBulk shows the plan of an operation, and asks whether it begins. Runs that are later than the plan are not part of it.
func (c *remoteCall) planBulk(cmd *cobra.Command, server *client.Client, body *bulkBody) (goesOn bool, err error) {
	dry, asked := body.DryRun, *body
	asked.DryRun = true
	text, err := server.Raw(cmd.Context(), http.MethodPost, runsPath+"/bulk", asked)
	if err != nil {
		return false, err
	}
	if c.asJSON && dry {
		return false, command.PrintValue(cmd.OutOrStdout(), json.RawMessage(text))
	}
	var plan bulkPlan
	if err := json.Unmarshal(text, &plan); err != nil {
		return false, fmt.Errorf("decode answer: %w", err)
	}
	body.AsOf = plan.AsOf
	out := cmd.ErrOrStderr()
	if dry {
		out = cmd.OutOrStdout()
	}
	if err := printPlan(out, body.Action, &plan); err != nil || dry {
		return false, err
	}
	if plan.Total == 0 {
		return false, nil
	}
	return true, ask(cmd, fmt.Sprintf("%s %d runs?", strings.ToUpper(body.Action[:1])+body.Action[1:], plan.Total))
}

func printPlan(w io.Writer, action string, p *bulkPlan) error {
	fmt.Fprintf(w, "%d runs match.", p.Total)
	if p.Examined < p.Total {
		fmt.Fprintf(w, " Of the first %d:", p.Examined)
	}
	fmt.Fprintf(w, " %d to %s", p.Applies, action)
	for _, code := range slices.Sorted(maps.Keys(p.Skipped)) {
		fmt.Fprintf(w, ", %d skipped: %s", p.Skipped[code], code)
	}
	fmt.Fprintln(w, ".")
	if len(p.Steps) == 0 {
		return nil
	}
	done := "kept"
	if action == "replay" {
		done = "done again"
	}
	fmt.Fprintln(w)
	return command.PrintTable(w, []command.Column{
		{"flow", "flow"}, {"step", "step"}, {"kind", "kind"}, {"effect", "effect"}, {"runs: " + done, "done"}, {"repeated", "failed"}, {"uncertain", "uncertain"},
	}, p.Steps)
}

// beginBulk begins an operation and shows its progress until it has ended.
func (c *remoteCall) beginBulk(cmd *cobra.Command, server *client.Client, body bulkBody) error {
	var o operationView
	if err := server.Call(cmd.Context(), http.MethodPost, runsPath+"/bulk", body, &o); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "operation %s\n", o.ID)
	text, err := followOperation(cmd, server, o.ID)
	if cmd.Context().Err() != nil {
		return leaveOrStop(cmd, server, o.ID)
	}
	if err != nil {
		return fmt.Errorf("%w; the operation may go on: penstock operations show %s", err, o.ID)
	}
	return c.print(cmd.OutOrStdout(), text, "")
}

// progressEvery is the interval at which the progress of an operation is read.
const progressEvery = time.Second

// followOperation shows the progress of an operation, in one line on a terminal, until it has ended.
func followOperation(cmd *cobra.Command, server *client.Client, id string) ([]byte, error) {
	w := cmd.ErrOrStderr()
	begin, end := "", "\n"
	if isTerminal(w) {
		begin, end = "\r\x1b[K", "" // the next line replaces it
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for shown := -1; ; {
		text, err := server.Raw(cmd.Context(), http.MethodGet, operationsPath+"/"+url.PathEscape(id), nil)
		var o operationView
		if err == nil {
			err = json.Unmarshal(text, &o)
		}
		if err != nil {
			return nil, err
		}
		if n := o.Done + o.Failed + o.Skipped; n != shown || end == "" {
			fmt.Fprint(w, begin+progressLine(&o)+end)
			shown = n
		}
		if o.State != "running" {
			if end == "" {
				fmt.Fprintln(w)
			}
			return text, nil
		}
		select {
		case <-cmd.Context().Done():
			return nil, cmd.Context().Err()
		case <-tick.C:
		}
	}
}

// progressLine is a bar and the figures of an operation.
func progressLine(o *operationView) string {
	const width = 30
	n := o.Done + o.Failed + o.Skipped
	full := width
	if o.Total > 0 {
		full = width * n / o.Total
	}
	return fmt.Sprintf("[%s%s] %d of %d, %d failed, %d skipped, %s", strings.Repeat("#", full), strings.Repeat(".", width-full), n, o.Total, o.Failed, o.Skipped, o.State)
}

// leaveOrStop asks on a terminal, after Ctrl-C, whether an operation is to stop. It goes on otherwise.
func leaveOrStop(cmd *cobra.Command, server *client.Client, id string) error {
	ctx := context.WithoutCancel(cmd.Context())
	if isTerminal(cmd.ErrOrStderr()) && term.IsTerminal(0) {
		fmt.Fprintln(cmd.ErrOrStderr())
		if ask(cmd, "Stop the operation? It goes on otherwise.") == nil {
			return server.Call(ctx, http.MethodPost, operationsPath+"/"+url.PathEscape(id)+"/stop", nil, nil)
		}
	}
	return fmt.Errorf("%w: penstock operations show %s shows it, penstock operations stop %s ends it", errOperationGoesOn, id, id)
}

var errOperationGoesOn = errors.New("the operation goes on")
