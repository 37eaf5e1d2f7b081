package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
)

// startArgs are the arguments of `run` besides the flow.
type startArgs struct {
	event  string
	params map[string]string
	key    string
	async  bool
	follow bool
	wait   time.Duration
}

func newRun(e command.Env) *cobra.Command {
	var args startArgs
	cmd := &cobra.Command{
		Use:   "run FLOW",
		Short: "Run a flow of a server and print its output",
		Long: "Run a flow of a server, by its number or slug, wait for the run's end and print its output.\n" +
			"`penstock flow run` runs a file here, without a server. Ctrl-C ends the waiting, not the run.\n" +
			"After 60 seconds, and at once for a flow that collects events (run.debounce, run.batch), it prints the run's id instead, and the run goes on.\n\n" + command.RemoteHelp,
		Example: "  penstock run 69 --event '{\"email\":\"a@b.org\"}'\n" +
			"  penstock run nightly --follow\n" +
			"  id=$(penstock run 69 --event @event.json --async)",
		Args: command.ExactArgs(1),
	}
	c := newCall(e, cmd)
	f := cmd.Flags()
	f.StringVar(&args.event, "event", "", "the event: `JSON`, @file, or - for standard input")
	f.StringToStringVar(&args.params, "param", nil, "a query parameter that the flow declares, `name=value`; may be repeated")
	f.StringVar(&args.key, "idempotency-key", "", "calls with the same `key` start only one run")
	f.BoolVar(&args.async, "async", false, "do not wait; print the run's id")
	f.BoolVar(&args.follow, "follow", false, "show steps while they execute; the run may take as long as its flow allows")
	f.DurationVar(&args.wait, "wait", 0, "maximum `time` to wait, in whole seconds; then print the run's id")
	cmd.RunE = func(cmd *cobra.Command, flow []string) error {
		if err := checkWait(cmd, args.wait); err != nil {
			return err
		}
		return c.start(cmd, flow[0], args)
	}
	return cmd
}

// checkWait rejects values of --wait that servers do not support.
func checkWait(cmd *cobra.Command, wait time.Duration) error {
	if cmd.Flags().Changed("wait") && (wait < time.Second || wait%time.Second != 0) {
		return command.Invalid(fmt.Errorf("--wait %v: expected whole seconds, at least 1s", wait))
	}
	return nil
}

func (c *remoteCall) start(cmd *cobra.Command, flow string, args startArgs) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	q := client.Request{Flow: flow, Params: args.params, IdempotencyKey: args.key, Async: args.async || args.follow, Wait: args.wait}
	if args.event != "" {
		if q.Event, err = command.EventText(cmd.InOrStdin(), args.event); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
	}
	run, err := server.Start(cmd.Context(), q)
	if cmd.Context().Err() != nil {
		return c.interrupted(context.WithoutCancel(cmd.Context()), server, flow)
	}
	if late := (*client.Error)(nil); errors.As(err, &late) && late.Run != "" && late.Status == http.StatusGatewayTimeout {
		return c.overdue(cmd, server, late)
	}
	if err != nil {
		return err
	}
	if args.follow {
		return c.follow(cmd, server, run.ID)
	}
	err = c.printStarted(cmd.OutOrStdout(), run)
	if err == nil && !args.async && run.Output == nil && run.Answer == nil {
		err = runGoesOn(run.ID)
	}
	return err
}

// overdue checks whether a run has ended although the server reported a timeout.
func (c *remoteCall) overdue(cmd *cobra.Command, server *client.Client, late *client.Error) error {
	run, err := server.Status(cmd.Context(), late.Run, 0)
	if err != nil || run.Ended() {
		return late
	}
	return errors.Join(c.printStarted(cmd.OutOrStdout(), &client.Run{ID: run.ID, State: run.State}), runGoesOn(run.ID))
}

// interruptedLimit is how long after Ctrl-C the command looks for the run.
const interruptedLimit = 3 * time.Second

// interrupted reports that the run started by this call goes on. Its id is known only if the flow has exactly one run
// that has not ended.
func (c *remoteCall) interrupted(ctx context.Context, server *client.Client, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, interruptedLimit)
	defer cancel()
	if flow, err := server.Flow(ctx, ref); err == nil {
		open := fmt.Sprintf(`flow eq %d and state in ("queued", "running", "waiting")`, flow.Number)
		if runs, err := server.Runs(ctx, client.Listing{Filter: open, PageSize: 2}); err == nil && len(runs.Items) == 1 {
			return runGoesOn(runs.Items[0].ID)
		}
	}
	return fmt.Errorf("%w, if it was accepted: penstock runs list --flow %s --since 5m shows it", errRunGoesOn, ref)
}

// postRun sends a request that starts a run, and returns the run.
func postRun(ctx context.Context, server *client.Client, path string, body any) (*client.Run, error) {
	text, err := server.Raw(ctx, http.MethodPost, path, body)
	if err != nil {
		return nil, err
	}
	run := &client.Run{}
	if err := json.Unmarshal(text, run); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return run, nil
}

// printStarted prints the output, or the id of a run that has not ended.
func (c *remoteCall) printStarted(w io.Writer, run *client.Run) error {
	if run.Answer != nil && !c.asJSON {
		_, err := fmt.Fprintf(w, "%s\n", run.Answer)
		return err
	}
	if c.asJSON {
		return command.PrintValue(w, struct {
			ID     string          `json:"run_id"`
			State  string          `json:"state,omitempty"`
			Output json.RawMessage `json:"output,omitempty"`
			Answer string          `json:"answer,omitempty"` // of a respond step, as it was sent
		}{run.ID, run.State, run.Output, string(run.Answer)})
	}
	if run.Output == nil {
		_, err := fmt.Fprintln(w, run.ID)
		return err
	}
	return command.PrintIndented(w, run.Output)
}

// follow prints the events of a run to standard error and then its output.
func (c *remoteCall) follow(cmd *cobra.Command, server *client.Client, id string) error {
	if !c.asJSON {
		fmt.Fprintln(cmd.ErrOrStderr(), "run "+id)
	}
	err := server.Watch(cmd.Context(), id, func(e client.Event) error { return c.printEvent(cmd, e) })
	if cmd.Context().Err() != nil {
		return runGoesOn(id)
	}
	if err != nil {
		return err
	}
	return c.printRun(cmd, server, id, 0, true)
}

func (c *remoteCall) printEvent(cmd *cobra.Command, e client.Event) error {
	if c.asJSON {
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", e.Data)
		return err
	}
	o, err := command.DecodeObject(e.Data)
	if err != nil {
		return err
	}
	if c.progress {
		fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K") // the next line replaces it
		c.progress = false
	}
	switch e.Kind {
	case "state":
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "  %s\n", command.Cell(o["state"]))
	case "step_progress":
		line := fmt.Sprintf("  %s: %s of %s items", command.Cell(o["step"]), command.Cell(o["done"]), command.Cell(o["in"]))
		if !isTerminal(cmd.ErrOrStderr()) {
			line += "\n"
		}
		c.progress = isTerminal(cmd.ErrOrStderr())
		_, err = io.WriteString(cmd.ErrOrStderr(), line)
	case "step":
		name := command.Cell(o["step"])
		if kind := command.Cell(o["kind"]); kind != name {
			name += " (" + kind + ")"
		}
		line := fmt.Sprintf("  %s: %s in, %s out", name, command.Cell(o["in"]), command.Cell(o["out"]))
		line += ", " + took(o)
		if o["error"] != nil {
			line += ": " + command.Cell(o["error"])
		}
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), line)
	}
	return err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// took formats the duration of a step.
func took(step command.Object) string {
	us, ok := step["us"].(json.Number)
	if !ok {
		return "-"
	}
	n, _ := us.Int64()
	return command.Round(time.Duration(n) * time.Microsecond).String()
}

// printRun prints a run, or only its output. With outputOnly a run without success is an error.
func (c *remoteCall) printRun(cmd *cobra.Command, server *client.Client, id string, wait time.Duration, outputOnly bool) error {
	path := "/v1/runs/" + url.PathEscape(id)
	if wait > 0 {
		path += fmt.Sprintf("?wait=%d", int(wait/time.Second))
	}
	text, err := server.Raw(cmd.Context(), http.MethodGet, path, nil)
	if err != nil && wait > 0 && cmd.Context().Err() != nil {
		return runGoesOn(id)
	}
	if err != nil {
		return err
	}
	var run client.Run
	if err := json.Unmarshal(text, &run); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	out := cmd.OutOrStdout()
	switch {
	case c.asJSON:
		err = command.PrintIndented(out, text)
	case !outputOnly:
		err = printRunView(out, text)
	case run.Output != nil:
		err = command.PrintIndented(out, run.Output)
	}
	if err == nil && outputOnly && run.State != "succeeded" {
		if !run.Ended() {
			return runGoesOn(run.ID)
		}
		return runFailure(&run)
	}
	return err
}

// retryText says which try of a run is the next or last one, as in "2 of 5 at 2026-11-29 12:03:10 after step_failed".
func retryText(attempts any, tries []any) string {
	last, _ := tries[len(tries)-1].(command.Object)
	return fmt.Sprintf("%d of %s at %s after %s", len(tries)+1, command.Cell(attempts), command.Cell(last["retry_at"]), command.Cell(command.ValueAt(last, "error.code")))
}

func runFailure(run *client.Run) error {
	if run.Error == nil {
		return fmt.Errorf("%w: it is %s", errRunFailed, run.State)
	}
	at := ""
	if run.Error.Step != "" {
		at = " at step " + run.Error.Step
	}
	return fmt.Errorf("%w: %s%s: %s", errRunFailed, run.State, at, run.Error.Message)
}

// printRunView prints a run for people: its members, its steps and its output.
func printRunView(w io.Writer, text []byte) error {
	o, err := command.DecodeObject(text)
	if err != nil {
		return err
	}
	steps, _ := command.ValueAt(o, "steps.steps").([]any)
	output := o["output"]
	tries, _ := command.ValueAt(o, "retry.tries").([]any)
	exchanges, _ := command.ValueAt(o, "steps.exchanges").([]any)
	if len(tries) > 0 {
		o["retry"] = retryText(command.ValueAt(o, "retry.attempts"), tries)
	}
	delete(o, "steps")
	delete(o, "output")
	if err := command.PrintObject(w, o); err != nil {
		return err
	}
	if len(tries) > 0 {
		fmt.Fprintln(w)
		columns := []command.Column{{"attempt", "attempt"}, {"failed", "failed_at"}, {"code", "error.code"}, {"step", "error.step"}, {"message", "error.message"}, {"retry", "retry_at"}}
		if err := command.PrintTable(w, columns, tries); err != nil {
			return err
		}
	}
	if len(steps) > 0 {
		fmt.Fprintln(w)
		for _, step := range steps {
			if o, ok := step.(command.Object); ok {
				o["took"] = took(o)
			}
		}
		columns := []command.Column{{"step", "step"}, {"kind", "kind"}, {"in", "in"}, {"out", "out"}, {"took", "took"}, {"attempts", "attempts"}, {"error", "error"}}
		if err := command.PrintTable(w, columns, steps); err != nil {
			return err
		}
		if err := printItems(w, steps); err != nil {
			return err
		}
	}
	if len(exchanges) > 0 {
		fmt.Fprintln(w)
		columns := []command.Column{{"step", "step"}, {"item", "item"}, {"attempt", "attempt"}, {"try", "try"}, {"method", "method"}, {"url", "url"}, {"status", "status"}, {"error", "error"}}
		if err := command.PrintTable(w, columns, exchanges); err != nil {
			return err
		}
	}
	if output == nil {
		return nil
	}
	fmt.Fprintln(w)
	return command.PrintIndented(w, flows.EncodeJSON(output))
}
