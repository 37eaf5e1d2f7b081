package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

// resource describes objects administered through the API, from which the commands list, show, create, change, delete
// and further actions are made.
type resource struct {
	name    string // of the command: "key"
	what    string // for people: "API key"
	path    string // "/v1/keys"
	id      string // placeholder of the id in usage texts: "KEY"
	columns []command.Column
	fields  []field // members that can be set; none: objects cannot be created
	fixed   bool    // objects cannot be changed
	actions []action
}

// action is a further command of a resource: POST path/ID/suffix.
type action struct {
	verb, short, suffix string
	fields              []field
	show                string // member to print; empty: the whole object
}

// remoteCall is a command that calls a server.
type remoteCall struct {
	env    command.Env
	url    string
	asJSON bool

	progress bool // the last line on the terminal is a progress line
}

func newCall(e command.Env, cmd *cobra.Command) *remoteCall {
	c := &remoteCall{env: e}
	command.AddURL(cmd, &c.url)
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print JSON")
	return c
}

func (c *remoteCall) client() (*client.Client, error) { return c.env.Remote(c.url, nil) }

// send sends one request and prints the response.
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
	o, err := command.DecodeObject(text)
	switch {
	case err != nil:
		return err
	case c.asJSON:
		return command.PrintIndented(w, text)
	case show != "":
		_, err := fmt.Fprintln(w, o[show])
		return err
	}
	return command.PrintObject(w, o)
}

// command returns the command with its subcommands.
func (r resource) command(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: r.name, Short: "Manage " + r.what + "s of a server", Long: "Manage " + r.what + "s of a server.\n\n" + command.RemoteHelp}
	cmd.AddCommand(r.verbs(e)...)
	return cmd
}

func (r resource) verbs(e command.Env) []*cobra.Command {
	all := []*cobra.Command{newList(e, "List "+r.what+"s", r.path, r.columns), r.newShow(e)}
	if len(r.fields) > 0 {
		all = append(all, r.newCreate(e))
		if !r.fixed {
			all = append(all, r.newChange(e))
		}
		all = append(all, r.newDelete(e))
	}
	for _, a := range r.actions {
		all = append(all, r.newAction(e, a))
	}
	for _, cmd := range all {
		r.completeIDs(e, cmd)
	}
	return all
}

// completeIDs makes a command suggest existing ids.
func (r resource) completeIDs(e command.Env, cmd *cobra.Command) {
	if _, arguments, _ := strings.Cut(cmd.Use, " "); strings.HasPrefix(arguments, r.id) && r.id != "" {
		cmd.ValidArgsFunction = e.Suggest(r.path, command.PageQuery(""), []string{r.columnOfID()}, "")
	}
}

// columnOfID returns the member that contains the id: that of the first column.
func (r resource) columnOfID() string {
	if len(r.columns) == 0 {
		return "name"
	}
	return r.columns[0][1]
}

func (r resource) at(id string, suffix ...string) string {
	return strings.Join(append([]string{r.path, url.PathEscape(id)}, suffix...), "/")
}

func (r resource) newShow(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "show " + r.id, Short: "Show one " + r.what, Args: command.ExactArgs(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodGet, r.at(args[0]), nil, "")
	}
	return cmd
}

func (r resource) newCreate(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "create", Short: "Create a new " + r.what + " and print it, including a generated secret", Args: command.ExactArgs(0)}
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

func (r resource) newChange(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "change " + r.id, Short: "Change the given members of one " + r.what, Args: command.ExactArgs(1)}
	c, set := newCall(e, cmd), addFields(cmd.Flags(), r.fields, false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := set.body(cmd)
		if err == nil && len(body) == 0 {
			err = command.Invalid(errors.New("change: say what, with a flag"))
		}
		if err != nil {
			return err
		}
		return c.send(cmd, http.MethodPatch, r.at(args[0]), body, "")
	}
	return cmd
}

func (r resource) newDelete(e command.Env) *cobra.Command {
	short := "Delete " + r.what + "s"
	if len(r.fields) > 0 { // users, clients and keys
		short += " and revoke the tokens issued to them"
	}
	cmd := &cobra.Command{Use: "delete " + r.id + "…", Short: short, Args: command.MinArgs(1)}
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

func (r resource) newAction(e command.Env, a action) *cobra.Command {
	cmd := &cobra.Command{Use: a.verb + " " + r.id, Short: a.short, Args: command.ExactArgs(1)}
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

// field is a member of a request that is set by a flag.
type field struct {
	flag, member, help string
	kind               fieldKind
	once               bool // only when the object is created
	changeOnly         bool // only when the object is changed
}

type fieldKind int

const (
	textField   fieldKind = iota
	secretField           // the flag names a file, or - for standard input: a command line is visible to everybody
	boolField
	removeField // a flag without a value that sends false
	countField
	listField
	flowsField // numbers, or "all"
)

// fields are the flags of one command.
type fields struct {
	all    []field
	values []string
	lists  [][]string
	bools  []bool
}

func addFields(f *pflag.FlagSet, all []field, making bool) *fields {
	set := &fields{values: make([]string, len(all)), lists: make([][]string, len(all)), bools: make([]bool, len(all))}
	for i, d := range all {
		if d.once && !making || d.changeOnly && making {
			d.flag = "" // keeps the indices
		}
		set.all = append(set.all, d)
		switch {
		case d.flag == "":
		case d.kind == boolField || d.kind == removeField:
			f.BoolVar(&set.bools[i], d.flag, false, d.help)
		case d.kind == listField || d.kind == flowsField:
			f.StringSliceVar(&set.lists[i], d.flag, nil, d.help)
		default:
			f.StringVar(&set.values[i], d.flag, "", d.help)
		}
	}
	return set
}

// body returns the members whose flags were given.
func (s *fields) body(cmd *cobra.Command) (command.Object, error) {
	body := command.Object{}
	for i, d := range s.all {
		if d.flag == "" || !cmd.Flags().Changed(d.flag) {
			continue
		}
		value, err := s.value(cmd, i)
		if err != nil {
			return nil, command.Invalid(fmt.Errorf("--%s: %w", d.flag, err))
		}
		body[d.member] = value
	}
	return body, nil
}

func (s *fields) value(cmd *cobra.Command, i int) (any, error) {
	switch s.all[i].kind {
	case boolField:
		return s.bools[i], nil
	case removeField:
		if !s.bools[i] {
			return nil, errors.New("it takes no value")
		}
		return false, nil
	case countField:
		n, err := strconv.ParseInt(s.values[i], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", s.values[i])
		}
		return n, nil
	case secretField:
		return command.ReadFile(cmd.InOrStdin(), s.values[i])
	case listField:
		return append([]string{}, s.lists[i]...), nil
	case flowsField:
		return flowNumbers(s.lists[i])
	}
	return s.values[i], nil
}

// flowNumbers parses flow numbers; "all" alone is null, which means all flows.
func flowNumbers(words []string) (any, error) {
	if len(words) == 1 && words[0] == "all" {
		return nil, nil
	}
	numbers := []int64{}
	for _, w := range words {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not the number of a flow", w)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
