package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
)

// delivery is a request that arrived at a webhook, as the server shows it.
type delivery struct {
	Number   int64     `json:"delivery"`
	At       time.Time `json:"at"`
	Method   string    `json:"method"`
	Verdict  string    `json:"verdict"`
	Status   int       `json:"status"`
	Why      string    `json:"why"`
	Findings []struct {
		Word   string `json:"word"`
		Secret string `json:"secret"`
		Text   string `json:"text"`
	} `json:"findings"`
	Run      string `json:"run_id"`
	IP       string `json:"ip"`
	Recorded bool   `json:"recorded"`
	captured
}

// captured is the content of a request.
type captured struct {
	Query   string      `json:"query"`
	Header  http.Header `json:"headers"` // nil: not kept
	Body    string      `json:"body"`
	Omitted string      `json:"omitted"` // why there is no body
}

func deliveriesPath(flow string, rest ...string) string {
	return "/v1/flows/" + url.PathEscape(flow) + "/deliveries" + strings.Join(rest, "")
}

func newHookListen(e command.Env) *cobra.Command {
	var last int
	var bodies bool
	cmd := &cobra.Command{
		Use:   "listen FLOW",
		Short: "Show what arrives at the webhook of a flow, as it comes",
		Long: "Show what arrives at the webhook of a flow, as it comes: whether it was accepted, and if not, why. With --bodies,\n" +
			"headers and bodies are recorded for an hour and shown, without secrets. Ctrl-C ends it; a recording goes on.\n\n" + command.RemoteHelp,
		Example: "  penstock hook listen github-issues\n  penstock hook listen github-issues --last 20 --bodies",
		Args:    command.ExactArgs(1),
	}
	c := newCall(e, cmd)
	cmd.Flags().IntVar(&last, "last", 0, "show the last `n` deliveries first, 200 at most")
	cmd.Flags().BoolVar(&bodies, "bodies", false, "record headers and bodies, and show them")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if last < 0 || last > 200 {
			return command.Invalid(fmt.Errorf("--last %d: expected 0 to 200", last))
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		if bodies {
			if _, err := server.Raw(cmd.Context(), http.MethodPut, "/v1/flows/"+url.PathEscape(args[0])+"/recording", nil); err != nil {
				return fmt.Errorf("record: %w", err)
			}
		}
		show := func(text []byte) error { return c.printDelivery(cmd, server, args[0], text, bodies) }
		after, err := recentDeliveries(cmd, server, args[0], last, show)
		if err != nil {
			return err
		}
		err = server.Listen(cmd.Context(), args[0], after, func(e client.Event) error { return show(e.Data) })
		if cmd.Context().Err() != nil {
			return nil
		}
		return err
	}
	return cmd
}

// recentDeliveries shows the last n deliveries, the oldest first, and returns the number of the newest.
func recentDeliveries(cmd *cobra.Command, server *client.Client, flow string, n int, show func([]byte) error) (string, error) {
	text, err := server.Raw(cmd.Context(), http.MethodGet, deliveriesPath(flow, "?page_size=", strconv.Itoa(max(n, 1))), nil)
	if err != nil {
		return "", err
	}
	var page struct{ Items []json.RawMessage }
	if err := json.Unmarshal(text, &page); err != nil {
		return "", fmt.Errorf("decode answer: %w", err)
	}
	newest := delivery{}
	for i, item := range slices.Backward(page.Items) {
		if i < n {
			if err := show(item); err != nil {
				return "", err
			}
		}
		if err := json.Unmarshal(item, &newest); err != nil {
			return "", fmt.Errorf("decode answer: %w", err)
		}
	}
	return strconv.FormatInt(newest.Number, 10), nil
}

// printDelivery prints a delivery of a listing, with its content if bodies is set and it is recorded.
func (c *remoteCall) printDelivery(cmd *cobra.Command, server *client.Client, flow string, text []byte, bodies bool) error {
	var d delivery
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	if bodies && d.Recorded {
		full, err := server.Raw(cmd.Context(), http.MethodGet, deliveriesPath(flow, "/", strconv.FormatInt(d.Number, 10)), nil)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(full, &d); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		text = full
	}
	if c.asJSON {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
		return err
	}
	return d.print(cmd.OutOrStdout())
}

func (d *delivery) print(w io.Writer) error {
	fmt.Fprintf(w, "%s  #%d  %s  %d %s  from %s", d.At.Local().Format("15:04:05"), d.Number, command.Cell(d.Method), d.Status, d.Verdict, command.Cell(d.IP))
	if d.Run != "" {
		fmt.Fprintf(w, "  run %s", d.Run)
	}
	fmt.Fprintln(w)
	if d.Why != "" && len(d.Findings) == 0 {
		fmt.Fprintf(w, "  %s\n", command.Cell(d.Why))
	}
	for _, f := range d.Findings {
		about := ""
		if f.Word != "" {
			about = "verify." + f.Word
		}
		if f.Secret != "" {
			about = strings.TrimSpace(about + " (" + f.Secret + ")")
		}
		fmt.Fprintf(w, "  %s: %s\n", about, command.Cell(f.Text))
	}
	return d.captured.print(w)
}

// print prints a request as it is on the wire, indented.
func (c *captured) print(w io.Writer) error {
	if c.Header == nil {
		return nil
	}
	names := make([]string, 0, len(c.Header))
	for name := range c.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	if c.Query != "" {
		fmt.Fprintf(w, "    ?%s\n", command.Printable(c.Query))
	}
	for _, name := range names {
		for _, value := range c.Header[name] {
			fmt.Fprintf(w, "    %s: %s\n", command.Printable(name), command.Printable(value))
		}
	}
	switch {
	case c.Omitted != "":
		fmt.Fprintf(w, "\n    (no body: %s)\n", c.Omitted)
	case c.Body != "":
		fmt.Fprintln(w)
		for line := range strings.Lines(c.Body) {
			fmt.Fprintf(w, "    %s\n", command.Printable(strings.TrimRight(line, "\r\n")))
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func newHookShow(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	var asTest bool
	var name string
	cmd := &cobra.Command{
		Use:   "show FLOW DELIVERY",
		Short: "Show one delivery, or make a test for the flow of it",
		Long: "Show one delivery: its verdict and, if they were recorded, its headers and body, without secrets. With --test it is\n" +
			"printed as an entry for the tests of the flow's file, with the output that the flow has for it.\n\n" + command.RemoteHelp,
		Example: "  penstock hook show github-issues 17\n  penstock hook show github-issues 17 --test >> github-issues.yaml",
		Args:    command.ExactArgs(2),
	}
	c := newCall(e, cmd)
	cmd.Flags().BoolVar(&asTest, "test", false, "print a test for the flow's file")
	cmd.Flags().StringVar(&name, "name", "", "`name` of the test")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodGet, deliveriesPath(args[0], "/", url.PathEscape(args[1])), nil)
		if err != nil {
			return err
		}
		var d delivery
		if err := json.Unmarshal(text, &d); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		switch {
		case asTest:
			return printTest(cmd, server, args[0], name, &d, kinds)
		case c.asJSON:
			return command.PrintIndented(cmd.OutOrStdout(), text)
		}
		return d.print(cmd.OutOrStdout())
	}
	return cmd
}

// printTest prints a delivery as a test of the flow's current version.
func printTest(cmd *cobra.Command, server *client.Client, ref, name string, d *delivery, kinds *flows.Catalogue) error {
	if d.Header == nil {
		return errors.New("make test: headers and body of the delivery are not recorded; `penstock hook record` records those that come")
	}
	if d.Omitted != "" {
		return fmt.Errorf("make test: the delivery has no body: %s", d.Omitted)
	}
	deployed, err := server.Flow(cmd.Context(), ref)
	if err != nil {
		return err
	}
	flow, err := flows.Parse("flow", []byte(deployed.Source), kinds)
	if err != nil {
		return err
	}
	run, err := flow.ReadDelivery(d.Method, d.Header, d.Query, d.Body)
	if err != nil {
		return fmt.Errorf("make test: %w", err)
	}
	if name == "" {
		name = fmt.Sprintf("delivery %d", d.Number)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), flow.TestText(cmd.Context(), name, run))
	return err
}

func newHookRedeliver(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "redeliver FLOW DELIVERY",
		Short: "Run the flow with what a recorded delivery says, also one that was rejected",
		Long: "Run the flow with what a recorded delivery says, also one that was rejected. The run is that of the caller, and the\n" +
			"proof is not checked. What was masked as a secret stays masked; `penstock runs replay` repeats an accepted\n" +
			"delivery exactly.\n\n" + command.RemoteHelp,
		Args: command.ExactArgs(2),
	}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		run, err := postRun(cmd.Context(), server, deliveriesPath(args[0], "/", url.PathEscape(args[1]), "/redeliver"), nil)
		if err != nil {
			return err
		}
		return c.printStarted(cmd.OutOrStdout(), run)
	}
	return cmd
}

func newHookRecord(e command.Env) *cobra.Command {
	var length time.Duration
	var requests int
	var off bool
	cmd := &cobra.Command{
		Use:   "record FLOW",
		Short: "Record headers and bodies of deliveries for a time",
		Long: "Record headers and bodies of the deliveries to a flow, without secrets, from now on for a time. Then they are deleted;\n" +
			"--off deletes them at once.\n\n" + command.RemoteHelp,
		Args: command.ExactArgs(1),
	}
	c := newCall(e, cmd)
	cmd.Flags().DurationVar(&length, "for", time.Hour, "`time` from 1s to 24h")
	cmd.Flags().IntVar(&requests, "requests", 0, "record this `number` of requests, at most 200; 0: as many as come")
	cmd.Flags().BoolVar(&off, "off", false, "stop, and delete what was recorded")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := "/v1/flows/" + url.PathEscape(args[0]) + "/recording"
		if off {
			return c.send(cmd, http.MethodDelete, path, nil, "")
		}
		recording := command.Object{"seconds": int64(length / time.Second)}
		if requests != 0 {
			recording["requests"] = requests
		}
		return c.send(cmd, http.MethodPut, path, recording, "until")
	}
	return cmd
}
