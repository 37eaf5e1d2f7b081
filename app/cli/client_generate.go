package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client/generate"
)

func newClientGenerate(e command.Env) *cobra.Command {
	var language, name, file, flow, out, server string
	cmd := &cobra.Command{
		Use:   "generate --lang LANGUAGE",
		Short: "Write a typed client for the flows that the caller may call",
		Long: "Write a typed client for the flows that the caller may call, from the server's OpenAPI document or from a\n" +
			"file with one. The client is one file without dependencies.\n\n" + command.RemoteHelp,
		Args: command.ExactArgs(0),
	}
	f := cmd.Flags()
	command.AddURL(cmd, &server)
	f.StringVar(&language, "lang", "", "`language` of the client: "+strings.Join(generate.Languages(), " or "))
	f.StringVar(&name, "package", "penstock", "`name` of the package of a Go client")
	f.StringVar(&flow, "flow", "", "number or slug of the only `flow`; default: all with an http trigger or a schema")
	f.StringVar(&file, "file", "", "`file` with the OpenAPI document, - for standard input; then no server is called")
	f.StringVar(&out, "out", "-", "`file` for the client, - for standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case !slices.Contains(generate.Languages(), language):
			return command.Invalid(fmt.Errorf("--lang: %q is no language: %s", language, strings.Join(generate.Languages(), ", ")))
		case file != "" && (flow != "" || cmd.Flags().Changed("url")):
			return command.Invalid(errors.New("--file goes without --flow and --url: no server is called"))
		}
		document, err := openAPI(e, cmd, server, file, flow)
		if err != nil {
			return err
		}
		source, err := generate.Client(document, generate.Config{Language: language, Package: name})
		if err != nil {
			return fmt.Errorf("generate client: %w", err)
		}
		if out != "-" {
			return os.WriteFile(out, source, 0o644)
		}
		_, err = cmd.OutOrStdout().Write(source)
		return err
	}
	_ = cmd.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(generate.Languages(), cobra.ShellCompDirectiveNoFileComp)) // fails for an unknown flag only
	return cmd
}

// openAPI reads the document from a file, or asks a server for it.
func openAPI(e command.Env, cmd *cobra.Command, server, file, flow string) ([]byte, error) {
	if file != "" {
		text, err := command.ReadFile(cmd.InOrStdin(), file)
		if err != nil {
			return nil, fmt.Errorf("read OpenAPI document: %w", err)
		}
		return []byte(text), nil
	}
	c, err := e.Remote(server, nil)
	if err != nil {
		return nil, err
	}
	path := "/openapi.json"
	if flow != "" {
		path = "/v1/flows/" + url.PathEscape(flow) + "/openapi.json"
	}
	return c.Raw(cmd.Context(), http.MethodGet, path, nil)
}
