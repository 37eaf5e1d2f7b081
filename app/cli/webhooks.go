package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

var (
	webhookColumns = []command.Column{
		{"webhook", "id"}, {"state", "state"}, {"type", "type"}, {"url", "url"}, {"created", "created_at"}, {"next try", "next_try_at"}, {"run", "run_id"},
	}
	tryColumns      = []command.Column{{"at", "at"}, {"ms", "ms"}, {"status", "status"}, {"error", "error"}, {"response", "response"}}
	endpointColumns = []command.Column{
		{"endpoint", "id"}, {"url", "url"}, {"failures", "failures"}, {"failing since", "failing_since"}, {"succeeded", "succeeded_at"}, {"disabled", "disabled_at"}, {"reason", "reason"},
	}
)

func newWebhooks(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "webhooks", Short: "Show the webhooks that flows send, and send them again",
		Long: "Show the webhooks that the step `webhook` of a flow sends, send them again, and switch the\nendpoints that receive them. FLOW is the number or slug of the flow.\n\n" + command.RemoteHelp,
	}
	list := newListOf(e, "list FLOW", "List the webhooks of a flow, the newest first", func(args []string) string { return webhooksPath(args[0]) }, webhookColumns)
	endpoints := newListOf(e, "endpoints FLOW", "List the endpoints to which a flow sends webhooks, the last used first", func(args []string) string { return endpointsPath(args[0]) }, endpointColumns)
	list.Example = "  penstock webhooks list order-paid\n  penstock webhooks list order-paid --filter 'state eq \"failed\"'"
	endpoints.Example = "  penstock webhooks endpoints order-paid"
	cmd.AddCommand(list, newWebhooksShow(e), newWebhooksRedeliver(e), endpoints,
		newSwitchEndpoint(e, "enable", "Enable endpoints that were disabled, and forget their failures"),
		newSwitchEndpoint(e, "disable", "Disable endpoints: webhooks to them are recorded, and not sent"))
	return cmd
}

func webhooksPath(flow string, more ...string) string {
	return strings.Join(append([]string{"/v1/flows", url.PathEscape(flow), "webhooks"}, more...), "/")
}

func endpointsPath(flow string, more ...string) string {
	return strings.Join(append([]string{"/v1/flows", url.PathEscape(flow), "webhook-endpoints"}, more...), "/")
}

func newWebhooksShow(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "show FLOW WEBHOOK", Short: "Show one webhook: its state, body and tries", Args: command.ExactArgs(2),
		Example: "  penstock webhooks show order-paid msg_5f2b…"}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodGet, webhooksPath(args[0], url.PathEscape(args[1])), nil)
		if err != nil {
			return err
		}
		if c.asJSON {
			return command.PrintIndented(cmd.OutOrStdout(), text)
		}
		return printWebhook(cmd.OutOrStdout(), text)
	}
	return cmd
}

// printWebhook prints the members of a delivery and a table of its tries.
func printWebhook(w io.Writer, text []byte) error {
	d, err := command.DecodeObject(text)
	if err != nil {
		return err
	}
	tries, _ := d["tries"].([]any)
	delete(d, "tries")
	if err := command.PrintObject(w, d); err != nil || len(tries) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return command.PrintTable(w, tryColumns, tries)
}

func newWebhooksRedeliver(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "redeliver FLOW WEBHOOK…", Short: "Send webhooks again, with the same id and body, whatever came of them", Args: command.MinArgs(2),
		Example: "  penstock webhooks redeliver order-paid msg_5f2b…"}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.each(cmd, args[1:], func(id string) string { return webhooksPath(args[0], url.PathEscape(id), "redeliver") })
	}
	return cmd
}

func newSwitchEndpoint(e command.Env, verb, short string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " FLOW ENDPOINT…", Short: short, Args: command.MinArgs(2),
		Example: "  penstock webhooks " + verb + " order-paid ep_91c0…"}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.each(cmd, args[1:], func(id string) string { return endpointsPath(args[0], url.PathEscape(id), verb) })
	}
	return cmd
}

// each posts to the path of each id, until one fails.
func (c *remoteCall) each(cmd *cobra.Command, ids []string, pathOf func(id string) string) error {
	for _, id := range ids {
		if err := c.send(cmd, http.MethodPost, pathOf(id), nil, ""); err != nil {
			return fmt.Errorf("%s %s: %w", cmd.Name(), id, err)
		}
	}
	return nil
}
