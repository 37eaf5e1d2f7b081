package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

const replayHelp = `A new run executes the flow from its start with the event of an earlier run, or with another event. All effects happen, with
idempotency keys of their own: on a terminal the command says which of them the earlier run has done, and asks. To continue a
run that failed without repeating them, resume it.

--edit opens the event in the editor that EDITOR names.`

// replayBody is the body of a request to replay a run.
type replayBody struct {
	Version string          `json:"version"`
	Event   json.RawMessage `json:"event,omitempty"`
	DryRun  bool            `json:"dry_run,omitempty"`
}

func newRunsReplay(e command.Env) *cobra.Command {
	var body replayBody
	var event string
	var edit, yes bool
	cmd := &cobra.Command{
		Use: "replay RUN", Short: "Run an event again, as it was or edited", Long: replayHelp, Args: command.ExactArgs(1),
		Example: "  penstock runs replay 019aa7b6-… --version pinned\n  penstock runs replay 019aa7b6-… --edit\n  penstock runs replay 019aa7b6-… --event @event.json",
	}
	c := newCall(e, cmd)
	f := cmd.Flags()
	f.StringVar(&body.Version, "version", "current", "`current`, or pinned: the version that the first run had")
	f.StringVar(&event, "event", "", "another event: `JSON`, @file, or - for standard input")
	f.BoolVar(&edit, "edit", false, "edit the event first")
	f.BoolVar(&yes, "yes", false, "do not ask before effects are repeated")
	cmd.MarkFlagsMutuallyExclusive("event", "edit")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		path, edited := runsPath+"/"+url.PathEscape(args[0]), ""
		switch {
		case event != "":
			if body.Event, err = readEventFlag(cmd, event); err != nil {
				return err
			}
		case edit:
			if body.Event, edited, err = editEvent(cmd.Context(), server, path); err != nil {
				return err
			}
		}
		if !yes {
			if err := askToRepeat(cmd, server, path+"/replay", body.Version); err != nil {
				return err
			}
		}
		run, err := postRun(cmd.Context(), server, path+"/replay", body)
		if edited != "" {
			if err != nil {
				return fmt.Errorf("%w (the edited event is in %s)", err, edited)
			}
			_ = os.Remove(edited) // a temporary file
		}
		if err != nil {
			return err
		}
		return c.printStarted(cmd.OutOrStdout(), run)
	}
	return cmd
}

// readEventFlag reads the event of a flag, which must be JSON.
func readEventFlag(cmd *cobra.Command, text string) (json.RawMessage, error) {
	event, err := command.EventText(cmd.InOrStdin(), text)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if !json.Valid(event) {
		return nil, errors.New("read event: it is not JSON")
	}
	return event, nil
}

// editEvent lets the user edit the event of a run, and returns it and the file that it is in.
func editEvent(ctx context.Context, server *client.Client, path string) (event json.RawMessage, file string, err error) {
	editor := strings.Fields(os.Getenv("EDITOR"))
	if len(editor) == 0 {
		return nil, "", command.Invalid(errors.New("--edit: EDITOR names no editor"))
	}
	var input struct {
		Event json.RawMessage `json:"event"`
	}
	if err := server.Call(ctx, http.MethodGet, path+"/input", nil, &input); err != nil {
		return nil, "", err
	}
	var before bytes.Buffer
	if err := json.Indent(&before, input.Event, "", "  "); err != nil {
		return nil, "", fmt.Errorf("decode event: %w", err)
	}
	before.WriteByte('\n')
	f, err := os.CreateTemp("", "penstock-event-*.json") // only its owner may read it
	if err != nil {
		return nil, "", err
	}
	_, err = f.Write(before.Bytes())
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, "", err
	}
	c := exec.CommandContext(ctx, editor[0], append(editor[1:], f.Name())...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return nil, "", fmt.Errorf("edit %s: %w", f.Name(), err)
	}
	after, err := os.ReadFile(f.Name())
	switch {
	case err != nil:
		return nil, "", err
	case bytes.Equal(bytes.TrimSpace(after), bytes.TrimSpace(before.Bytes())):
		_ = os.Remove(f.Name()) // a temporary file
		return nil, "", errors.New("the event is unchanged, and nothing was started; without --edit it is replayed as it is")
	case !json.Valid(after):
		return nil, "", fmt.Errorf("the event in %s is not JSON", f.Name())
	}
	return bytes.TrimSpace(after), f.Name(), nil
}

// askToRepeat asks on a terminal whether the effects of a run are to be repeated, if it has done some.
func askToRepeat(cmd *cobra.Command, server *client.Client, path, version string) error {
	if !isTerminal(cmd.ErrOrStderr()) || !term.IsTerminal(0) {
		return nil
	}
	var plan struct {
		Repeats []any `json:"repeats"`
	}
	if err := server.Call(cmd.Context(), http.MethodPost, path, replayBody{Version: version, DryRun: true}, &plan); err != nil || len(plan.Repeats) == 0 {
		return err
	}
	w := cmd.ErrOrStderr()
	fmt.Fprintln(w, "The run has done this, which a replay does again:")
	columns := []command.Column{{"step", "step"}, {"kind", "kind"}, {"effect", "effect"}, {"done", "done"}, {"uncertain", "uncertain"}}
	if err := command.PrintTable(w, columns, plan.Repeats); err != nil {
		return err
	}
	return ask(cmd, "Replay it?")
}

// ask asks a question; another answer than yes is an error.
func ask(cmd *cobra.Command, question string) error {
	fmt.Fprint(cmd.ErrOrStderr(), question+" [y/N] ")
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}
