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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/sender"
)

func newHook(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	cmd := &cobra.Command{Use: "hook", Short: "Look at senders of webhooks, and at what they send"}
	cmd.AddCommand(newHookListen(e), newHookShow(e, kinds), newHookRedeliver(e), newHookRecord(e), newHookCapture(e), newHookDetect(), newHookSenders())
	return cmd
}

func newHookDetect() *cobra.Command {
	var secretFile, called, scheme string
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "Propose the sender of a request",
		Long: "Read a request from standard input, with its request line or without, and propose which sender of the catalogue it\n" +
			"comes from, why, and what to write in the flow. With --secret-file the proof is checked, too, and what is wrong\n" +
			"with it is explained. Nothing is sent anywhere. The exit code is 1 if no sender is found, or none is proved.",
		Args: command.ExactArgs(0),
	}
	f := cmd.Flags()
	f.StringVar(&secretFile, "secret-file", "", "`file` with the secret, to check the proof")
	f.StringVar(&called, "called-url", "", "`URL` that the sender called, where it is signed")
	f.StringVar(&scheme, "scheme", "", "the `sender`, if it is known")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := readDelivery(cmd.InOrStdin(), called)
		if err != nil {
			return fmt.Errorf("detect: %w", err)
		}
		found := sender.Detect(d)
		if scheme != "" {
			e, known := sender.Find(scheme)
			if standard := sender.Standard(); scheme == standard.Name {
				e, known = standard, true
			}
			if !known {
				return command.Invalid(fmt.Errorf("detect: there is no sender %q; penstock hook senders lists them", scheme))
			}
			found = []sender.Candidate{{Entry: e}}
		}
		if len(found) == 0 {
			return errors.New("detect: no sender of the catalogue; a flow may describe its own, see docs/webhooks.md")
		}
		if secretFile == "" {
			return printCandidates(cmd.OutOrStdout(), found)
		}
		secret, err := os.ReadFile(secretFile)
		if err != nil {
			return fmt.Errorf("detect: %w", err)
		}
		return checkCandidates(cmd, d, found, strings.TrimRight(string(secret), "\r\n"))
	}
	return cmd
}

// maxDetected is the maximum size of a request in bytes.
const maxDetected = 8 << 20

// readDelivery reads a request as it is on the wire, or its headers, an empty line and its body. The body is what follows
// the empty line, whatever Content-Length says.
func readDelivery(in io.Reader, called string) (*sender.Delivery, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxDetected+1))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if len(text) > maxDetected {
		return nil, fmt.Errorf("read request: it is larger than %d bytes", maxDetected)
	}
	head, body, separated := bytes.Cut(text, []byte("\r\n\r\n"))
	if plain, rest, ok := bytes.Cut(text, []byte("\n\n")); ok && (!separated || len(plain) < len(head)) {
		head, body = plain, rest
	}
	first, _, _ := strings.Cut(string(head), "\n")
	if name, _, hasColon := strings.Cut(first, ":"); !strings.Contains(first, " HTTP/") && hasColon && !strings.Contains(name, " ") {
		head = append([]byte("POST / HTTP/1.1\r\n"), head...)
	}
	request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\r\n\r\n"))))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	d := &sender.Delivery{Method: request.Method, Header: request.Header, Query: request.URL.Query(), Body: body, Path: request.URL.RequestURI(), Now: time.Now()}
	if called == "" {
		called = "https://" + request.Host + d.Path
	}
	d.URLs = sender.URLs(called)
	return d, nil
}

func printCandidates(w io.Writer, found []sender.Candidate) error {
	for i, c := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s (%s)\n", c.Entry.Title, c.Entry.Name)
		for _, why := range c.Why {
			fmt.Fprintf(w, "  - %s\n", why)
		}
		fmt.Fprintf(w, "\n%s", indented(c.Entry.Lines()))
	}
	_, err := fmt.Fprintln(w)
	return err
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}

// checkCandidates checks the proof with the secret for each candidate, and explains what is wrong.
func checkCandidates(cmd *cobra.Command, d *sender.Delivery, found []sender.Candidate, secret string) error {
	for _, c := range found {
		s, err := sender.Compile(&sender.Spec{Scheme: c.Entry.Name})
		if err != nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: cannot be checked here: %v\n", c.Entry.Name, err)
			continue
		}
		why := s.Verify(cmd.Context(), d, []string{secret}, nil)
		if why == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: the secret proves the request.\n\n%s", c.Entry.Name, indented(c.Entry.Lines()))
			return nil
		}
		hint := ""
		for _, f := range s.Explain(cmd.Context(), d, []string{secret}, why) {
			if !strings.Contains(why.Error(), f.Text) {
				hint += " (" + f.Text + ")"
			}
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %v%s\n", c.Entry.Name, why, hint)
	}
	return errors.New("detect: the request is not proved")
}

func newHookSenders() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "senders [NAME]",
		Short: "List the senders of the catalogue, or show one",
		Args:  command.UsageArgs(cobra.MaximumNArgs(1)),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		w := cmd.OutOrStdout()
		if len(args) == 1 {
			e, known := sender.Find(args[0])
			if !known {
				return command.Invalid(fmt.Errorf("there is no sender %q; penstock hook senders lists them", args[0]))
			}
			if asJSON {
				return command.PrintValue(w, listed(e))
			}
			_, err := io.WriteString(w, e.Page())
			return err
		}
		if asJSON {
			var all []listedSender
			for _, e := range sender.All() {
				all = append(all, listed(e))
			}
			return command.PrintValue(w, all)
		}
		for _, e := range sender.All() {
			fmt.Fprintf(w, "%-18s %s\n", e.Name, e.Title)
		}
		return nil
	}
	return cmd
}

// listedSender is a sender in JSON.
type listedSender struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Docs    string `json:"docs"`
	Checked string `json:"checked"`
	Lines   string `json:"lines"` // to write in the flow
}

func listed(e *sender.Entry) listedSender {
	return listedSender{Name: e.Name, Title: e.Title, Docs: e.Docs, Checked: e.CheckedBy(), Lines: e.Lines()}
}

func newHookCapture(e command.Env) *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Open a URL that takes any request, and show what an unknown sender sends",
		Long: "Open a URL that takes any request for ten minutes, and show what comes: headers and body without secrets, and which\n" +
			"sender of the catalogue it may be, as `penstock hook detect` does. The first 20 requests are kept, until the end.\n" +
			"Ctrl-C ends it.\n\n" + command.RemoteHelp,
		Args: command.ExactArgs(0),
	}
	c := newCall(e, cmd)
	cmd.Flags().DurationVar(&length, "for", 10*time.Minute, "`time` from 1s to 1h")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		opened, err := server.Raw(cmd.Context(), http.MethodPost, "/v1/captures", command.Object{"seconds": int64(length / time.Second)})
		if err != nil {
			return err
		}
		var capture struct{ Capture, URL string }
		if err := json.Unmarshal(opened, &capture); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		path := "/v1/captures/" + url.PathEscape(capture.Capture)
		defer func() { // a capture that has ended is gone anyway
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), interruptedLimit)
			defer cancel()
			_, _ = server.Raw(ctx, http.MethodDelete, path, nil)
		}()
		if c.asJSON {
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n", opened)
		} else {
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n\ntakes any request for %v. Enter it at the sender.\n", capture.URL, length)
		}
		return c.showCaptured(cmd, server, path)
	}
	return cmd
}

// showCaptured shows the requests of a capture as they come, until it ends.
func (c *remoteCall) showCaptured(cmd *cobra.Command, server *client.Client, path string) error {
	shown := 0
	err := repeatUntilDone(cmd.Context(), func() error {
		text, err := server.Raw(cmd.Context(), http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		var page struct{ Requests []json.RawMessage }
		if err := json.Unmarshal(text, &page); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		for ; shown < len(page.Requests); shown++ {
			if err := c.printCaptured(cmd.OutOrStdout(), shown+1, page.Requests[shown]); err != nil {
				return err
			}
		}
		return nil
	})
	var answer *client.Error
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil // it has ended
	}
	return err
}

func (c *remoteCall) printCaptured(w io.Writer, n int, text []byte) error {
	if c.asJSON {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	}
	var r struct {
		At         time.Time `json:"at"`
		Method     string    `json:"method"`
		IP         string    `json:"ip"`
		Candidates []struct {
			Sender, Title, Lines string
			Why                  []string
		} `json:"candidates"`
		captured
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	fmt.Fprintf(w, "\n%s  #%d  %s  from %s\n", r.At.Local().Format("15:04:05"), n, command.Cell(r.Method), command.Cell(r.IP))
	if err := r.captured.print(w); err != nil {
		return err
	}
	if len(r.Candidates) == 0 {
		_, err := fmt.Fprintln(w, "  no sender of the catalogue; a flow may describe its own, see docs/webhooks.md")
		return err
	}
	for _, s := range r.Candidates {
		fmt.Fprintf(w, "  %s (%s)\n", s.Title, s.Sender)
		for _, why := range s.Why {
			fmt.Fprintf(w, "    - %s\n", why)
		}
		fmt.Fprintf(w, "\n%s\n", indented(indented(s.Lines)))
	}
	return nil
}
