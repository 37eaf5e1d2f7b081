package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/phrase"
)

// runArgs are the arguments of `flow run` besides the file.
type runArgs struct {
	event        string            // JSON, @file or @- for standard input; empty: none
	params       map[string]string // query parameters
	headers      map[string]string
	vars         map[string]string
	allowPrivate bool
	json         bool // print only the output
}

func newFlowRun(kinds *flows.Catalogue) *cobra.Command {
	var args runArgs
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run one flow here, without a server, and show what its steps did",
		Long: "Run one flow here, without a server, and show its steps with items and durations, then\n" +
			"its output. http steps send real requests; loopback addresses are allowed. FILE may be -,\n" +
			"standard input.",
		Example: "  penstock flow run flow.yaml --event '{\"email\":\"a@b.org\"}'\n" +
			"  penstock flow run flow.yaml --event @event.json --var crm=http://127.0.0.1:9000",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			return runFlow(cmd, kinds, files[0], args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&args.event, "event", "", "the event: `JSON`, @file, or - for standard input")
	f.StringToStringVar(&args.params, "param", nil, "a query parameter, `name=value`; may be repeated")
	f.StringToStringVar(&args.headers, "header", nil, "a header that the flow declares, `name=value`; may be repeated")
	f.StringToStringVar(&args.vars, "var", nil, "a value for one of the flow's vars, `name=value`; may be repeated")
	f.BoolVar(&args.allowPrivate, "allow-private-networks", false, "let http steps reach private addresses, too")
	f.BoolVar(&args.json, "json", false, "print only the output")
	return cmd
}

func runFlow(cmd *cobra.Command, kinds *flows.Catalogue, file string, args runArgs) error {
	out := cmd.OutOrStdout()
	if file == stdinName && (args.event == stdinName || args.event == "@-") {
		return usageError{errors.New("run flow: the flow and its event cannot both come from standard input")}
	}
	sources, err := flowSources(cmd, []string{file})
	if err != nil {
		return err
	}
	if len(sources) != 1 {
		return usageError{fmt.Errorf("run flow: %s holds %s: name one file", file, phrase.Count(len(sources), "flow"))}
	}
	flow, err := sources[0].parse(kinds)
	if problems := (flows.Problems)(nil); errors.As(err, &problems) {
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
	var steps stepTrace
	output, took, err := execute(cmd.Context(), flow, event, args, &steps)
	if !args.json {
		steps.print(out)
	}
	if err != nil {
		return err
	}
	if !args.json {
		fmt.Fprintf(out, "\n%s in %s\n", phrase.Count(len(output), "item"), round(took))
	}
	return printJSON(out, output)
}

func execute(ctx context.Context, flow *flows.Flow, event any, args runArgs, steps *stepTrace) ([]any, time.Duration, error) {
	transport, err := outbound.New(outbound.Config{AllowLoopback: true, AllowPrivate: args.allowPrivate})
	if err != nil {
		return nil, 0, err
	}
	defer transport.CloseIdleConnections()
	vars := map[string]any{}
	for name, value := range args.vars {
		vars[name] = value
	}
	headers := map[string]string{}
	for name, value := range args.headers {
		headers[strings.ToLower(name)] = value
	}
	memory := flows.NewMemory()
	begun := time.Now()
	output, err := flow.Execute(ctx, flows.Run{
		ID: "local", Attempt: 1, Event: event, Params: args.params, Headers: headers,
	}, flows.Env{Trace: steps, HTTP: transport, Vars: vars, State: memory, Pace: memory})
	return output, time.Since(begun), err
}

// readEvent parses the event and keeps the digits of numbers; nil when there is none.
func readEvent(stdin io.Reader, text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	data, err := eventText(stdin, text)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	event, err := flows.DecodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	return event, nil
}

// eventText returns the value of a flag: JSON, the content of @file, or standard input for - and @-.
func eventText(stdin io.Reader, text string) ([]byte, error) {
	name, isFile := strings.CutPrefix(text, "@")
	switch {
	case text == stdinName, isFile && name == stdinName:
		return io.ReadAll(stdin)
	case isFile:
		return os.ReadFile(name)
	}
	return []byte(text), nil
}
