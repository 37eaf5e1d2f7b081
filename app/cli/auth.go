package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/auth"
)

func newAuth(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth",
		Short: "Explain credentials",
	}
	cmd.AddCommand(newAuthExplain(e))
	return cmd
}

// newAuthExplain uses the flag names of curl, so that a failed command can be pasted.
func newAuthExplain(e command.Env) *cobra.Command {
	var p auth.ExplainRequest
	var server, body string
	var headers []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [URL]",
		Short: "Explain why a check value, a signature or a JWT of an API key is rejected",
		Long: "Ask the server why a request of an API key is rejected: which parameter or line break differs,\n" +
			"and by how much the clocks differ. Describe the request with the flags of curl. The response\n" +
			"contains no secret. Requires an administrator or the scope clients:admin. The exit code is 1\n" +
			"unless the request is valid.\n\n" + command.RemoteHelp,
		Example: "  penstock auth explain 'https://penstock.example.org/apis/execute.php?flow=69&key=…&ts=…&check=…' -d @event.json\n" +
			"  penstock auth explain --assertion eyJ…",
		Args: cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVarP(&p.Method, "request", "X", "", "`method` of the request; default GET, POST with -d")
	f.StringArrayVarP(&headers, "header", "H", nil, "`header` of the request, \"Name: value\"")
	f.StringVarP(&body, "data", "d", "", "`body` of the request, byte for byte; @FILE reads it, @- from standard input")
	f.StringVar(&p.Assertion, "assertion", "", "`JWT` of an API key, instead of a request")
	f.BoolVar(&asJSON, "json", false, "print the answer as JSON")
	command.AddURL(cmd, &server)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			p.URL = args[0]
		}
		if err := completeRequest(&p, cmd, headers, body); err != nil {
			return err
		}
		c, err := e.Remote(server, nil)
		if err != nil {
			return err
		}
		var answer auth.Explanation
		if err := c.Call(cmd.Context(), "POST", "/v1/auth/explain", p, &answer); err != nil {
			return fmt.Errorf("explain: %w", err)
		}
		if asJSON {
			err = command.PrintValue(cmd.OutOrStdout(), answer)
		} else {
			err = printExplanation(cmd.OutOrStdout(), &answer)
		}
		if err == nil && (!answer.Fits || len(answer.Findings) > 0) {
			err = errors.New("the request is rejected")
		}
		return err
	}
	return cmd
}

// completeRequest fills in the request from the flags.
func completeRequest(p *auth.ExplainRequest, cmd *cobra.Command, headers []string, body string) (err error) {
	if p.URL == "" && p.Assertion == "" {
		return errors.New("explain: which request? Give its URL, or --assertion")
	}
	if p.Body, err = readData(cmd.InOrStdin(), body); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if p.Method == "" {
		p.Method = "GET"
		if cmd.Flags().Changed("data") {
			p.Method = "POST"
		}
	}
	p.Headers = map[string]string{}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fmt.Errorf("the header %q has no colon", name)
		}
		p.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return nil
}

func readData(in io.Reader, data string) (string, error) {
	file, isFile := strings.CutPrefix(data, "@")
	switch {
	case !isFile:
		return data, nil
	case file == "-":
		text, err := io.ReadAll(in)
		return string(text), err
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// verdictText says whether the credential is valid, and whether a valid one is rejected for another reason.
func verdictText(e *auth.Explanation) string {
	switch {
	case !e.Fits:
		return "is not valid."
	case len(e.Findings) > 0:
		return "is valid, but the request is rejected:"
	}
	return "is valid."
}

func printExplanation(w io.Writer, e *auth.Explanation) error {
	fmt.Fprintf(w, "The %s %s\n", e.Scheme, verdictText(e))
	for _, finding := range e.Findings {
		fmt.Fprintf(w, "  - %s\n", finding)
	}
	if e.Signed != "" {
		fmt.Fprintf(w, "What must be signed, in quotes:\n  %q\n", e.Signed)
	}
	if c := e.Clock; c != nil {
		_, err := fmt.Fprintf(w, "Its time is %d, ours %d: %+d s off, %d s are allowed.\n", c.Signed, c.Ours, c.Off, c.Allowed)
		return err
	}
	return nil
}
