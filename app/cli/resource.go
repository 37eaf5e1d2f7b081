package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/client"
)

// resource is something that the API administers, as a command with the verbs
// list, show, create, change and delete, and those that only it has.
type resource struct {
	name    string // of the command: "key"
	what    string // for people: "API key"
	path    string // "/v1/keys"
	id      string // what names one in usage texts: "KEY"
	columns []column
	fields  []field // that can be set; none: it cannot be made here
	fixed   bool    // it cannot be changed once it is made
	acts    []act
}

// act is a verb of one resource: POST path/ID/suffix.
type act struct {
	verb, short, suffix string
	fields              []field
	show                string // member that is printed alone; empty: the whole object
}

// remoteCall is a command against a server.
type remoteCall struct {
	env    env
	url    string
	asJSON bool

	progress bool // the last line on a terminal says how far a step is
}

func newCall(e env, cmd *cobra.Command) *remoteCall {
	c := &remoteCall{env: e}
	addURL(cmd, &c.url)
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print JSON")
	return c
}

func (c *remoteCall) client() (*client.Client, error) { return c.env.remote(c.url, nil) }

// send makes one request and prints its answer.
func (c *remoteCall) send(cmd *cobra.Command, method, path string, body any, show string) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	text, err := server.Raw(cmd.Context(), method, path, body)
	if err != nil || len(text) == 0 {
		return err
	}
	return c.print(cmd.OutOrStdout(), text, show)
}

func (c *remoteCall) print(w io.Writer, text []byte, show string) error {
	o, err := decodeObject(text)
	switch {
	case err != nil:
		return err
	case c.asJSON:
		return printIndented(w, text)
	case show != "":
		_, err := fmt.Fprintln(w, o[show])
		return err
	}
	return printObject(w, o)
}

// command makes the command with its verbs.
func (r resource) command(e env) *cobra.Command {
	cmd := &cobra.Command{Use: r.name, Short: "Work with " + r.what + "s of a server", Long: "Work with " + r.what + "s of a server.\n\n" + remoteHelp}
	cmd.AddCommand(r.verbs(e)...)
	return cmd
}

func (r resource) verbs(e env) []*cobra.Command {
	all := []*cobra.Command{newList(e, "List "+r.what+"s", r.path, r.columns), r.newShow(e)}
	if len(r.fields) > 0 {
		all = append(all, r.newCreate(e))
		if !r.fixed {
			all = append(all, r.newChange(e))
		}
		all = append(all, r.newDelete(e))
	}
	for _, a := range r.acts {
		all = append(all, r.newAct(e, a))
	}
	for _, cmd := range all {
		r.completeIDs(e, cmd)
	}
	return all
}

// completeIDs lets a command suggest what there is of the resource.
func (r resource) completeIDs(e env, cmd *cobra.Command) {
	if _, arguments, _ := strings.Cut(cmd.Use, " "); strings.HasPrefix(arguments, r.id) && r.id != "" {
		cmd.ValidArgsFunction = e.suggest(r.path, page(""), []string{r.columnOfID()}, "")
	}
}

// columnOfID is the member that names one: the first column.
func (r resource) columnOfID() string {
	if len(r.columns) == 0 {
		return "name"
	}
	return r.columns[0].member
}

func (r resource) at(id string, suffix ...string) string {
	return strings.Join(append([]string{r.path, url.PathEscape(id)}, suffix...), "/")
}

func (r resource) newShow(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "show " + r.id, Short: "Show one " + r.what, Args: exactly(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodGet, r.at(args[0]), nil, "")
	}
	return cmd
}

func (r resource) newCreate(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "create", Short: "Make a new " + r.what + "; what is shown only once is shown now", Args: exactly(0)}
	c, set := newCall(e, cmd), addFields(cmd.Flags(), r.fields, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		body, err := set.body(cmd)
		if err != nil {
			return err
		}
		return c.send(cmd, http.MethodPost, r.path, body, "")
	}
	return cmd
}

func (r resource) newChange(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "change " + r.id, Short: "Change what is given of one " + r.what, Args: exactly(1)}
	c, set := newCall(e, cmd), addFields(cmd.Flags(), r.fields, false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := set.body(cmd)
		if err == nil && len(body) == 0 {
			err = usageError{errors.New("change: say what, with a flag")}
		}
		if err != nil {
			return err
		}
		return c.send(cmd, http.MethodPatch, r.at(args[0]), body, "")
	}
	return cmd
}

func (r resource) newDelete(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "delete " + r.id + "…", Short: "Delete " + r.what + "s; what they gave out dies with them", Args: atLeast(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, id := range args {
			if err := c.send(cmd, http.MethodDelete, r.at(id), nil, ""); err != nil {
				return fmt.Errorf("delete %s: %w", id, err)
			}
		}
		return nil
	}
	return cmd
}

func (r resource) newAct(e env, a act) *cobra.Command {
	cmd := &cobra.Command{Use: a.verb + " " + r.id, Short: a.short, Args: exactly(1)}
	c, set := newCall(e, cmd), addFields(cmd.Flags(), a.fields, true)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := set.body(cmd)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return c.send(cmd, http.MethodPost, r.at(args[0], a.suffix), nil, a.show)
		}
		return c.send(cmd, http.MethodPost, r.at(args[0], a.suffix), body, a.show)
	}
	return cmd
}

// readFile reads a file, or standard input when it is "-", without the last
// newline.
func readFile(stdin io.Reader, name string) (string, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	return strings.TrimRight(string(text), "\r\n"), err
}
