package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
)

func newUser(e command.Env) *cobra.Command {
	return resource{
		name: "user", what: "user", path: "/v1/users", id: "NAME",
		columns: []command.Column{{"name", "name"}, {"first name", "first_name"}, {"last name", "last_name"}, {"email", "email"}, {"roles", "roles"}, {"scopes", "scopes"}, {"second factor", "totp"}, {"disabled", "disabled"}, {"created", "created_at"}},
		fields: []field{
			{flag: "name", member: "name", help: "the user's `name`", once: true},
			{flag: "password-file", member: "password", kind: secretField, help: "`file` with the password, - for standard input"},
			{flag: "roles", member: "roles", kind: listField, help: "`roles`: admin, operator, author, viewer, api_user, developer"},
			{flag: "scopes", member: "scopes", kind: listField, help: "`scopes` of your own making, which flows ask for"},
			{flag: "groups", member: "groups", kind: listField, help: "`groups` to which folders of flows grant rights"},
			{flag: "email", member: "email", help: "e-mail `address` of the user"},
			{flag: "first-name", member: "first_name", help: "the user's first `name`"},
			{flag: "last-name", member: "last_name", help: "the user's last `name`"},
			{flag: "disabled", member: "disabled", kind: boolField, help: "disable the user"},
			{flag: "refresh-tokens", member: "refresh_tokens", kind: boolField, help: "issue refresh tokens with the password grant"},
			{flag: "remove-totp", member: "totp", kind: removeField, help: "remove the second factor of a user who has lost it; all sessions and tokens of the user end", changeOnly: true},
		},
	}.command(e)
}

func newClient(e command.Env) *cobra.Command {
	cmd := resource{
		name: "client", what: "API client", path: "/v1/clients", id: "IDENTIFIER",
		columns: []command.Column{
			{"identifier", "identifier"}, {"name", "name"}, {"owner", "owner"}, {"scopes", "scopes"}, {"token minutes", "token_ttl_minutes"},
			{"assertion until", "assertion_expires_on"}, {"disabled", "disabled"},
		},
		fields: []field{
			{flag: "name", member: "name", help: "what it is for"},
			{flag: "owner", member: "owner", help: "developer who keeps it in the developer portal; empty: nobody does"},
			{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; default: a generated one", once: true},
			{flag: "scopes", member: "scopes", kind: listField, help: "`scopes` of its tokens: flows:run,runs:read"},
			{flag: "disabled", member: "disabled", kind: boolField, help: "disable the client"},
			{flag: "refresh-tokens", member: "refresh_tokens", kind: boolField, help: "issue refresh tokens with its assertion"},
			{flag: "public-key-file", member: "public_key", kind: secretField, help: "`file` with the public key by which it may authenticate at the token endpoints instead of the secret (PEM)"},
			{flag: "time-zone", member: "time_zone", help: "time `zone` of the assertion's last day: Europe/Berlin"},
			{flag: "assertion-expires-on", member: "assertion_expires_on", help: "last `day` of its assertion: 2027-12-31"},
			{flag: "token-ttl", member: "token_ttl_minutes", kind: countField, help: "lifetime of its tokens in `minutes`"},
			{flag: "reminder-emails", member: "reminder_emails", kind: listField, help: "e-mail `addresses` to remind before the assertion expires"},
			{flag: "scope-separator", member: "scope_separator", help: "`separator` of scopes in responses of the token endpoint: comma or space"},
		},
		actions: []action{
			{verb: "assertion", suffix: "assertion", short: "Create and print a new assertion; the previous one and all tokens are revoked", show: "assertion"},
			{verb: "token", suffix: "token", short: "Create and print an access token", show: "access_token"},
			{
				verb: "secret", suffix: "secret", short: "Give a client a new secret; the old one becomes invalid",
				fields: []field{{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; default: a generated one"}},
			},
		},
	}.command(e)
	cmd.AddCommand(newClientGenerate(e))
	return cmd
}

func newConnection(e command.Env) *cobra.Command {
	r := resource{
		name: "connection", what: "connection", path: "/v1/connections", id: "NAME",
		columns: []command.Column{{"name", "name"}, {"type", "type"}, {"used by", "used_by"}, {"updated", "updated_at"}},
	}
	cmd := r.command(e)
	cmd.AddCommand(newConnectionTest(e, r))
	put := newPut(e, r, "`file` with the connection as JSON; - for standard input, which keeps secrets off the command line")
	remove := r.newDelete(e)
	r.completeIDs(e, put)
	r.completeIDs(e, remove)
	cmd.AddCommand(put, remove)
	return cmd
}

// newConnectionTest returns the command that lets the server contact that of a connection.
func newConnectionTest(e command.Env, r resource) *cobra.Command {
	var target string
	cmd := &cobra.Command{
		Use: "test " + r.id, Short: "Test a connection from the server", Args: command.ExactArgs(1),
		Long: "The process of the API sends a GET with the credential to the URL of the setting test, or of --target, or logs in to the\n" +
			"database or mail server. It says what is wrong, and exits with 1 when the connection does not work.",
	}
	c := newCall(e, cmd)
	cmd.Flags().StringVar(&target, "target", "", "`URL` of the GET, on one of the hosts of the connection; default: its setting test")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var body any
		if target != "" {
			body = map[string]string{"url": target}
		}
		return c.test(cmd, r.at(args[0], "test"), body)
	}
	r.completeIDs(e, cmd)
	return cmd
}

// test asks the server for a test and prints what it found; what does not work is an error.
func (c *remoteCall) test(cmd *cobra.Command, path string, body any) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	text, err := server.Raw(cmd.Context(), http.MethodPost, path, body)
	if err != nil {
		return err
	}
	var result struct {
		Works   bool   `json:"works"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &result); err != nil {
		return fmt.Errorf("read result: %w", err)
	}
	switch {
	case c.asJSON:
		err = command.PrintIndented(cmd.OutOrStdout(), text)
	case result.Works:
		_, err = fmt.Fprintln(cmd.OutOrStdout(), result.Message)
	}
	if err == nil && !result.Works {
		err = errors.New(result.Message)
	}
	return err
}

// newPut returns the command that stores an object from a file.
func newPut(e command.Env, r resource, help string) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "put " + r.id + " --file FILE", Short: "Store a " + r.what + " under a name", Args: command.ExactArgs(1)}
	c := newCall(e, cmd)
	cmd.Flags().StringVar(&file, "file", "-", help)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := command.ReadFile(cmd.InOrStdin(), file)
		if err != nil {
			return fmt.Errorf("read %s: %w", r.what, err)
		}
		if !json.Valid([]byte(text)) {
			from := file
			if file == "-" {
				from = "standard input"
			}
			return command.Invalid(fmt.Errorf("%s is not JSON", from)) // without the content, which contains secrets
		}
		return c.send(cmd, http.MethodPut, r.at(args[0]), json.RawMessage(text), "")
	}
	return cmd
}

func newSecret(e command.Env) *cobra.Command {
	r := resource{name: "secret", what: "secret", path: "/v1/secrets", id: "NAME"}
	cmd := &cobra.Command{Use: r.name, Short: "Manage secrets that flows refer to by name; their values cannot be read", Long: "Manage secrets that flows refer to by name.\n\n" + command.RemoteHelp}
	var file string
	put := &cobra.Command{
		Use: "put " + r.id, Short: "Store a secret from a file or standard input, or where it is kept", Args: command.ExactArgs(1),
		Long: "Store a secret from a file or standard input. With --from only a reference is stored: the processes that use the secret\n" +
			"read the value from where it is kept, as the rules of their --secret-stores allow.",
	}
	c := newCall(e, put)
	put.Flags().StringVar(&file, "file", "-", "`file` with the secret, - for standard input")
	var from string
	put.Flags().StringVar(&from, "from", "", "`reference` to where the value is kept: vault://PATH#MEMBER, env://NAME, file:///PATH or exec://COMMAND/ARGUMENT")
	put.MarkFlagsMutuallyExclusive("file", "from")
	var flows []int64
	put.Flags().Int64SliceVar(&flows, "flows", nil, "`numbers` of the flows in which authors restricted to some flows may use it; default: unchanged")
	var folders []string
	put.Flags().StringSliceVar(&folders, "folders", nil, "`folders` in whose flows they may use it, too; default: unchanged")
	put.RunE = func(cmd *cobra.Command, args []string) error {
		body := command.Object{"from": from}
		if from == "" {
			value, err := command.ReadFile(cmd.InOrStdin(), file)
			if err != nil {
				return fmt.Errorf("read secret: %w", err)
			}
			if !utf8.ValidString(string(value)) {
				return errors.New("the secret is not UTF-8: store bytes as base64, for instance")
			}
			body = command.Object{"value": value}
		}
		if cmd.Flags().Changed("flows") {
			body["flows"] = flows
		}
		if cmd.Flags().Changed("folders") {
			body["folders"] = folders
		}
		return c.send(cmd, http.MethodPut, r.at(args[0]), body, "")
	}
	remove := r.newDelete(e)
	r.completeIDs(e, put)
	r.completeIDs(e, remove)
	cmd.AddCommand(newList(e, "List the names of secrets", r.path, []command.Column{{"name", "name"}, {"from", "from"}, {"updated", "updated_at"}}), put, remove, newSecretTest(e, r))
	return cmd
}

// newSecretTest returns the command that lets the server read a secret from where it is kept.
func newSecretTest(e command.Env, r resource) *cobra.Command {
	cmd := &cobra.Command{
		Use: "test " + r.id, Short: "Read a secret from where it is kept, by the server", Args: command.ExactArgs(1),
		Long: "The process of the API reads the value of a secret that was stored with --from, says what is wrong, and shows nothing of the\n" +
			"value. Exits with 1 when it cannot be read. Workers read it themselves: `penstock doctor` says which cannot.",
	}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.test(cmd, r.at(args[0], "test"), nil) }
	r.completeIDs(e, cmd)
	return cmd
}

func newVar(e command.Env) *cobra.Command {
	r := resource{name: "var", what: "variable", path: "/v1/vars", id: "NAME"}
	cmd := &cobra.Command{
		Use: r.name, Short: "Manage variables: values for the vars of flows, which are not secret",
		Long: "Manage variables. The value of a variable replaces that of the var of its name in all flows that\n" +
			"declare one. It is not secret. Attempts of runs that begin a second later have it.\n\n" + command.RemoteHelp,
	}
	put := &cobra.Command{Use: "put NAME VALUE", Short: "Store a variable, or all variables of a file", Args: command.UsageArgs(cobra.MaximumNArgs(2))}
	var file string
	put.Flags().StringVar(&file, "file", "", "`file` with variables in YAML or JSON, in place of NAME and VALUE")
	c := newCall(e, put)
	put.RunE = func(cmd *cobra.Command, args []string) error {
		vars := map[string]any{}
		switch {
		case file == "" && len(args) == 2:
			vars[args[0]] = args[1]
		case file != "" && len(args) == 0:
			var err error
			if vars, err = (app.Env{}).Vars(file); err != nil {
				return err
			}
		default:
			return command.Invalid(errors.New("put: expected NAME and VALUE, or --file FILE"))
		}
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			if err := c.send(cmd, http.MethodPut, r.at(name), command.Object{"value": json.RawMessage(flows.EncodeJSON(vars[name]))}, ""); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
	remove := r.newDelete(e)
	r.completeIDs(e, put)
	r.completeIDs(e, remove)
	cmd.AddCommand(newList(e, "List variables with their values", r.path, []command.Column{{"name", "name"}, {"value", "value"}, {"updated", "updated_at"}}), put, remove)
	return cmd
}

func newQueue(e command.Env) *cobra.Command {
	return resource{
		name: "queue", what: "queue", path: "/v1/queues", id: "NAME",
		columns: []command.Column{
			{"queue", "name"}, {"paused", "paused"}, {"pending", "pending"}, {"active", "active"}, {"in line", "in_line"}, {"oldest s", "oldest_seconds"},
			{"open runs", "open_runs"}, {"archived", "archived"}, {"workers", "workers"},
		},
		actions: []action{
			{verb: "pause", suffix: "pause", short: "Let no waiting run of a queue start; running ones continue"},
			{verb: "resume", suffix: "resume", short: "Let the runs of a queue start again"},
		},
	}.command(e)
}

func newScope(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "scope", Short: "See the scopes of a server", Long: "See the scopes of a server: its own, and those that the http triggers of flows ask for.\n\n" + command.RemoteHelp}
	cmd.AddCommand(newList(e, "List scopes, with the operations that ask for them and who holds them", "/v1/scopes", []command.Column{
		{"name", "name"}, {"description", "description"}, {"operations", "operations"}, {"users", "users"}, {"keys", "keys"}, {"clients", "clients"},
	}))
	return cmd
}
