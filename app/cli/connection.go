package cli

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newConnection(e env) *cobra.Command {
	r := resource{
		name: "connection", what: "connection", path: "/v1/connections", id: "NAME",
		columns: []column{{"name", "name"}, {"type", "type"}, {"updated", "updated_at"}},
	}
	cmd := r.command(e)
	put := newPut(e, r, "`file` with the connection as JSON; - for standard input, which keeps secrets off the command line")
	remove := r.newDelete(e)
	r.completeIDs(e, put)
	r.completeIDs(e, remove)
	cmd.AddCommand(put, remove)
	return cmd
}

// newPut returns the command that stores an object from a file.
func newPut(e env, r resource, help string) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "put " + r.id + " --file FILE", Short: "Store a " + r.what + " under a name", Args: exactArgs(1)}
	c := newCall(e, cmd)
	cmd.Flags().StringVar(&file, "file", "-", help)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := readFile(cmd.InOrStdin(), file)
		if err != nil {
			return fmt.Errorf("read %s: %w", r.what, err)
		}
		if !json.Valid([]byte(text)) {
			from := file
			if file == "-" {
				from = "standard input"
			}
			return usageError{fmt.Errorf("%s is not JSON", from)} // without the content, which contains secrets
		}
		return c.send(cmd, http.MethodPut, r.at(args[0]), json.RawMessage(text), "")
	}
	return cmd
}

func newSecret(e env) *cobra.Command {
	r := resource{name: "secret", what: "secret", path: "/v1/secrets", id: "NAME"}
	cmd := &cobra.Command{Use: r.name, Short: "Manage secrets that flows refer to by name; their values cannot be read", Long: "Manage secrets that flows refer to by name.\n\n" + remoteHelp}
	var file string
	put := &cobra.Command{Use: "put " + r.id, Short: "Store a secret from a file or standard input", Args: exactArgs(1)}
	c := newCall(e, put)
	put.Flags().StringVar(&file, "file", "-", "`file` with the secret, - for standard input")
	var flows []int64
	put.Flags().Int64SliceVar(&flows, "flows", nil, "`numbers` of the flows in which authors restricted to some flows may use it; default: unchanged")
	put.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := readFile(cmd.InOrStdin(), file)
		if err != nil {
			return fmt.Errorf("read secret: %w", err)
		}
		body := object{"value": value}
		if cmd.Flags().Changed("flows") {
			body["flows"] = flows
		}
		return c.send(cmd, http.MethodPut, r.at(args[0]), body, "")
	}
	remove := r.newDelete(e)
	r.completeIDs(e, put)
	r.completeIDs(e, remove)
	cmd.AddCommand(newList(e, "List the names of secrets", r.path, []column{{"name", "name"}, {"updated", "updated_at"}}), put, remove)
	return cmd
}
