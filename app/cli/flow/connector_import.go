package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/internal/phrase"
)

// connectorImport are the flags of the command.
type connectorImport struct {
	importer.Config
	out        string
	file       newFile
	curl       string
	list, step bool
	json       bool
	kinds      *flows.Catalogue
}

func newConnectorImport(kinds *flows.Catalogue) *cobra.Command {
	c := connectorImport{kinds: kinds}
	cmd := &cobra.Command{
		Use:   "import [SPEC]",
		Short: "Write a connector from the description of an API",
		Long: "Write a connector from an OpenAPI document (3.0, 3.1), a Swagger document (2.0) or a collection of Postman (2.0, 2.1):\n" +
			"JSON or YAML, plain or gzip, a file, - for standard input, or a directory or tar archive of files that refer to each other. Or from a line of curl.\n" +
			"What does not come over is listed on standard error.",
		Example: "  penstock connector import openapi.yaml --list\n" +
			"  penstock connector import openapi.yaml --only customers_list --only Invoices -o connectors/crm.yaml\n" +
			"  penstock connector import --curl \"curl https://api.example.org/people -H 'X-Api-Key: …'\" --step\n" +
			"  pbpaste | penstock connector import --curl - --name crm",
		Args: command.UsageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.Only, "only", nil, "an `operation` by name, operationId or \"METHOD /path\", or a tag; may be repeated. Default: all")
	f.StringVar(&c.Name, "name", "", "`name` of the connector. Default: of the document's title")
	f.StringVar(&c.Base, "base", "", "`URL` of the API in place of that of the document")
	f.StringVarP(&c.out, "out", "o", "-", "`file` for the connector, - for standard output")
	c.file.addFlag(cmd)
	f.StringVar(&c.curl, "curl", "", "`line` of curl in place of a document, - for standard input")
	f.BoolVar(&c.step, "step", false, "write an http step in place of a connector; with --curl")
	f.BoolVar(&c.list, "list", false, "list the operations, and write nothing")
	f.BoolVar(&c.json, "json", false, "print the operations and what did not come over as JSON; with --list or --out")
	return cmd
}

func (c *connectorImport) run(cmd *cobra.Command, args []string) error {
	switch {
	case (len(args) == 1) == (c.curl != ""):
		return command.Invalid(errors.New("expected a document, or --curl"))
	case c.step && (c.curl == "" || c.list || c.json):
		return command.Invalid(errors.New("--step goes with --curl and -o only"))
	case c.json && !c.list && c.out == "-":
		return command.Invalid(errors.New("--json goes with --list or --out: standard output has the connector"))
	}
	if c.curl == "-" {
		line, err := command.ReadFile(cmd.InOrStdin(), "-")
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		c.curl = line
	}
	if c.step {
		step, notes, err := importer.CurlStep(c.curl)
		if err != nil {
			return err
		}
		printNotes(cmd.ErrOrStderr(), notes)
		return c.write(cmd, step)
	}
	result, err := c.read(cmd, args)
	if err == nil && !c.list && len(result.Operations) > 0 {
		err = result.Check(c.kinds)
	}
	if err != nil {
		return err
	}
	if c.json {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(importReport(result)); err != nil {
			return err
		}
	} else {
		printNotes(cmd.ErrOrStderr(), result.Left)
	}
	if c.list {
		if c.json {
			return nil
		}
		return printOperations(cmd.OutOrStdout(), result)
	}
	if len(result.Operations) == 0 {
		return errors.New("import connector: no operation came over")
	}
	if err := c.write(cmd, result.YAML()); err != nil || c.json {
		return err
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "connector %s: %s of %s (%s)\n", result.Name, phrase.Count(len(result.Operations), "operation"), result.Title, result.Format)
	return err
}

func (c *connectorImport) read(cmd *cobra.Command, args []string) (*importer.Result, error) {
	if c.curl != "" {
		return importer.Curl(c.curl, c.Config)
	}
	return readSpecification(cmd.InOrStdin(), args[0], c.Config)
}

// readSpecification imports a file or directory, or standard input for -.
func readSpecification(stdin io.Reader, name string, c importer.Config) (*importer.Result, error) {
	if name == "-" {
		return importer.Import("standard input", stdin, c)
	}
	return importer.Import(name, nil, c)
}

func (c *connectorImport) write(cmd *cobra.Command, text []byte) error {
	if c.out == "-" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	return c.file.write(c.out, text)
}

// importReport is what --json prints.
func importReport(r *importer.Result) command.Object {
	left := r.Left
	if left == nil {
		left = []importer.Note{}
	}
	operations := r.Operations
	if operations == nil {
		operations = []importer.Operation{}
	}
	return command.Object{"name": r.Name, "title": r.Title, "format": r.Format, "operations": operations, "left": left}
}

func printOperations(w io.Writer, r *importer.Result) error {
	var items []any
	for _, o := range r.Operations {
		items = append(items, command.Object{"name": o.Name, "call": o.Method + " " + o.Path, "tags": strings.Join(o.Tags, ", "), "summary": o.Summary})
	}
	return command.PrintTable(w, []command.Column{{"operation", "name"}, {"call", "call"}, {"tags", "tags"}, {"summary", "summary"}}, items)
}

// maxNotes is how many notes are printed for people.
const maxNotes = 50

func printNotes(w io.Writer, notes []importer.Note) {
	for i, n := range notes {
		if i == maxNotes {
			fmt.Fprintf(w, "… and %d more: --json has all\n", len(notes)-i)
			return
		}
		name := n.Operation
		if name != "" {
			name += ": "
		}
		if n.Whole {
			name = "left out: " + name
		}
		fmt.Fprintf(w, "%s%s: %s\n", name, n.Place, n.Reason)
	}
}
