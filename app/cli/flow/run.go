package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/phrase"
)

// runArgs are the arguments of `flow run` besides the file.
type runArgs struct {
	event        string            // JSON, @file or @- for standard input; empty: none
	params       map[string]string // query parameters
	headers      map[string]string
	vars         map[string]string // of --var
	varsFile     string
	connections  string // file with connections and secrets; empty: none
	redis        string // URL of an installation's Redis; empty: none
	sqlite       string // directory
	allowPrivate bool
	json         bool // print only the output
}

func newRun(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	var args runArgs
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run one flow here, without a server, and show what its steps did",
		Long: "Run one flow here, without a server, and show its steps with items and durations, then\n" +
			"its output. Steps do what they do on a server, except that state begins empty and no runs of\n" +
			"other flows are started; loopback addresses are allowed. --connections names a file with\n" +
			"connections and secrets:\n\n" +
			"  connections: {crm: {type: bearer, hosts: [crm.example.org], settings: {token: {env: CRM_TOKEN}}}}\n" +
			"  secrets: {hook: {env: HOOK_SECRET}}\n\n" +
			"{env: NAME} is an environment variable, or is asked for. --redis uses those of an installation,\n" +
			"with its master key in PENSTOCK_MASTER_KEY. FILE may be -, standard input.",
		Example: "  penstock flow run flow.yaml --event '{\"email\":\"a@b.org\"}'\n" +
			"  penstock flow run flow.yaml --event @event.json --var crm=http://127.0.0.1:9000\n" +
			"  penstock flow run flow.yaml --connections local.yaml --vars local-vars.yaml",
		Args: command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			return runFlow(cmd, e, kinds, files[0], args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&args.event, "event", "", "the event: `JSON`, @file, or - for standard input")
	f.StringToStringVar(&args.params, "param", nil, "a query parameter, `name=value`; may be repeated")
	f.StringToStringVar(&args.headers, "header", nil, "a header that the flow declares, `name=value`; may be repeated")
	f.StringToStringVar(&args.vars, "var", nil, "a value for one of the flow's vars, `name=value`; may be repeated")
	f.StringVar(&args.varsFile, "vars", "", "`file` with values for vars, in YAML or JSON; PENSTOCK_VAR_NAME and --var replace them")
	f.StringVar(&args.connections, "connections", "", "`file` with connections and secrets, in YAML or JSON")
	f.StringVar(&args.redis, "redis", "", "`URL` of the Redis of an installation whose connections, secrets, variables and flows the run uses")
	f.StringVar(&args.sqlite, "sqlite", "", "`directory` of the files of sqlite connections")
	f.BoolVar(&args.allowPrivate, "allow-private-networks", false, "let http steps reach private addresses, too")
	f.BoolVar(&args.json, "json", false, "print only the output")
	return cmd
}

func runFlow(cmd *cobra.Command, e command.Env, kinds *flows.Catalogue, file string, args runArgs) error {
	out := cmd.OutOrStdout()
	if file == stdinName && (args.event == stdinName || args.event == "@-") {
		return command.Invalid(errors.New("run flow: the flow and its event cannot both come from standard input"))
	}
	sources, err := flowSources(cmd, []string{file})
	if err != nil {
		return err
	}
	if sources = onlyFlows(sources); len(sources) != 1 {
		return command.Invalid(fmt.Errorf("run flow: %s holds %s: name one file", file, phrase.Count(len(sources), "flow")))
	}
	flow, err := sources[0].parse(kinds)
	if problems := (problem.List)(nil); errors.As(err, &problems) {
		printProblems(cmd.ErrOrStderr(), problems)
		return fmt.Errorf("%s in %s", phrase.Count(len(problems), "mistake"), sources[0].name)
	}
	if err != nil {
		return err
	}
	event, err := readEvent(cmd.InOrStdin(), args.event)
	if err != nil {
		return err
	}
	if args.redis != "" && args.connections != "" {
		return command.Invalid(errors.New("run flow: --redis and --connections exclude each other"))
	}
	local, err := openLocalStore(cmd, e, kinds, &args)
	if err != nil {
		return err
	}
	defer local.Close()
	printProblems(cmd.ErrOrStderr(), local.missing(cmd.Context(), sources[0].name, flow))
	vars := maps.Clone(local.Vars().Values())
	own, err := args.allVars(e, flow)
	if err != nil {
		return err
	}
	maps.Copy(vars, own)
	var steps stepTrace
	output, took, err := execute(cmd.Context(), flow, event, vars, local, args, &steps)
	if !args.json {
		steps.print(out)
	}
	if err != nil {
		return err
	}
	if !args.json {
		fmt.Fprintf(out, "\n%s in %s\n", phrase.Count(len(output), "item"), command.Round(took))
	}
	return printJSON(out, output)
}

// allVars returns the values of --vars, the environment and --var, of which the later ones replace the earlier ones.
func (args *runArgs) allVars(e command.Env, flow *flows.Flow) (map[string]any, error) {
	if err := flow.CheckVarNames(slices.Sorted(maps.Keys(args.vars))); err != nil {
		return nil, command.Invalid(fmt.Errorf("--var: %w", err))
	}
	vars, err := app.Env(e).Vars(args.varsFile)
	if err != nil {
		return nil, err
	}
	for name, value := range args.vars {
		vars[name] = value
	}
	return vars, nil
}

// maxLocalFiles is the maximum size in bytes of the files of a run in this process, which are in memory.
const maxLocalFiles = 256 << 20

func execute(ctx context.Context, flow *flows.Flow, event any, vars map[string]any, local *localStore, args runArgs, steps *stepTrace) ([]any, time.Duration, error) {
	transport, err := outbound.New(outbound.Config{AllowLoopback: true, AllowPrivate: args.allowPrivate})
	if err != nil {
		return nil, 0, err
	}
	defer transport.CloseIdleConnections()
	headers := map[string]string{}
	for name, value := range args.headers {
		headers[strings.ToLower(name)] = value
	}
	files, err := blob.New(blob.Config{Backend: &blob.Memory{MaxTotal: maxLocalFiles}, MaxSize: maxLocalFiles})
	if err != nil {
		return nil, 0, err
	}
	connections, err := connect.New(connect.Config{Store: local.Store, HTTP: transport, Log: slog.New(slog.DiscardHandler), SQLiteDir: args.sqlite})
	if err != nil {
		return nil, 0, err
	}
	defer connections.Close()
	memory := flows.NewMemory()
	begun := time.Now()
	output, err := flow.Execute(ctx, flows.Run{
		ID: "local", Attempt: 1, Event: event, Params: args.params, Headers: headers,
	}, flows.Env{Trace: steps, HTTP: transport, Vars: vars, State: memory, Pace: memory, Files: files, Connections: connections, Secrets: connections, Flows: local.Flows()})
	return output, time.Since(begun), err
}

// readEvent parses the event and keeps the digits of numbers; nil when there is none.
func readEvent(stdin io.Reader, text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	data, err := command.EventText(stdin, text)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	event, err := flows.DecodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	return event, nil
}

// stepTrace collects what the steps of a run did. It implements flows.Tracer.
type stepTrace struct {
	mu    sync.Mutex     // guards the fields below
	steps []*stepSummary // in the order of their first start
	lines []flows.LogLine
}

// stepSummary is one step with all its runs combined: a step inside a switch runs once for every item.
type stepSummary struct {
	path     string
	in, out  int
	attempts int
	duration time.Duration
	err      error
}

// Begin implements flows.Tracer.
func (t *stepTrace) Begin(b flows.StepStart) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step(b.Step)
}

// End implements flows.Tracer.
func (t *stepTrace) End(e flows.StepEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.step(e.Step)
	s.in, s.out, s.attempts, s.duration = s.in+e.In, s.out+e.Out, s.attempts+e.Attempts, s.duration+e.Duration
	if e.Err != nil {
		s.err = e.Err
	}
}

// Log implements flows.Tracer.
func (t *stepTrace) Log(l flows.LogLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
}

// step returns a step and creates it if needed. The caller holds mu.
func (t *stepTrace) step(path string) *stepSummary {
	for _, s := range t.steps {
		if s.path == path {
			return s
		}
	}
	s := &stepSummary{path: path}
	t.steps = append(t.steps, s)
	return s
}

// print prints the steps, nested ones below their parents.
func (t *stepTrace) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, s := range t.steps {
		note := ""
		if s.attempts > s.in {
			note = fmt.Sprintf("  %d attempts", s.attempts)
		}
		if s.err != nil {
			note += "  failed"
		}
		fmt.Fprintf(table, "%s\t%d → %d\t%s%s\n", t.label(i), s.in, s.out, command.Round(s.duration), note)
	}
	_ = table.Flush()
	for _, l := range t.lines {
		fmt.Fprintf(w, "%s %s: %s", l.Level, l.Step, l.Message)
		if len(l.Fields) > 0 {
			fmt.Fprintf(w, " %s", flows.EncodeJSON(l.Fields))
		}
		fmt.Fprintln(w)
	}
}

// label returns the step's name below its parent.
func (t *stepTrace) label(i int) string {
	path := t.steps[i].path
	for j := i - 1; j >= 0; j-- {
		if rest, below := strings.CutPrefix(path, t.steps[j].path+"."); below {
			depth := strings.Count(t.steps[j].path, ".") + 1
			return strings.Repeat("  ", depth) + "└ " + rest
		}
	}
	return path
}

// printJSON prints the output indented, otherwise as the API returns it.
func printJSON(w io.Writer, output []any) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, flows.EncodeJSON(output), "", "  "); err != nil {
		return fmt.Errorf("print output: %w", err)
	}
	_, err := fmt.Fprintf(w, "%s\n", pretty.Bytes())
	return err
}
