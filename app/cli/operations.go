package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

var operationColumns = []column{
	{"operation", "id"}, {"action", "action"}, {"state", "state"}, {"created", "created_at"}, {"total", "total"}, {"done", "done"},
	{"failed", "failed"}, {"skipped", "skipped"}, {"by", "by"},
}

var resultColumns = []column{{"run", "run_id"}, {"result", "result"}, {"by", "by"}, {"code", "code"}, {"detail", "detail"}}

func newOperations(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "operations", Short: "Show and stop operations on many runs", Long: "Show and stop operations on many runs, which `penstock runs bulk` begins.\n\n" + remoteHelp}
	cmd.AddCommand(newList(e, "List operations, the newest first", operationsPath, operationColumns), newOperationsShow(e), newOperationsStop(e))
	return cmd
}

func newOperationsShow(e env) *cobra.Command {
	var results bool
	var page int
	cmd := &cobra.Command{Use: "show OPERATION", Short: "Show the progress of an operation, or the results of its runs", Args: exactArgs(1)}
	c := newCall(e, cmd)
	cmd.Flags().BoolVar(&results, "results", false, "show what became of each run, 200 on a page")
	cmd.Flags().IntVar(&page, "page", 1, "the `page` of the results")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := operationsPath + "/" + url.PathEscape(args[0])
		if !results {
			return c.send(cmd, http.MethodGet, path, nil, "")
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodGet, fmt.Sprintf("%s/results?page_size=200&page=%d", path, page), nil)
		if err != nil {
			return err
		}
		if c.asJSON {
			return printIndented(cmd.OutOrStdout(), text)
		}
		var all struct {
			Items []any `json:"items"`
		}
		if err := json.Unmarshal(text, &all); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return printTable(cmd.OutOrStdout(), resultColumns, all.Items)
	}
	return cmd
}

func newOperationsStop(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "stop OPERATION", Short: "End an operation; what was done stays done", Args: exactArgs(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodPost, operationsPath+"/"+url.PathEscape(args[0])+"/stop", nil, "")
	}
	return cmd
}
