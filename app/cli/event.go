package cli

import (
	"fmt"
	"io"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

func newEvent(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "event", Short: "Publish events",
		Long: "Publish events of a topic: each flow that subscribes to the topic gets a run, and runs that wait for\nthe event go on.\n\n" + command.RemoteHelp,
	}
	cmd.AddCommand(newEventPublish(e))
	return cmd
}

func newEventPublish(e command.Env) *cobra.Command {
	var event, key string
	cmd := &cobra.Command{
		Use: "publish TOPIC", Short: "Publish an event, and show what it has started", Args: command.ExactArgs(1),
		Long:    "Publish an event of a topic, and show the runs that it has started, the flows that refused it, and how\nmany steps were waiting for it. The caller needs the scope events:publish.\n\n" + command.RemoteHelp,
		Example: "  penstock event publish order.paid --event '{\"order\":7}' --idempotency-key order-7",
	}
	c := newCall(e, cmd)
	f := cmd.Flags()
	f.StringVar(&event, "event", "", "the event: `JSON`, @file, or - for standard input; default null")
	f.StringVar(&key, "idempotency-key", "", "calls with the same `key` publish one event, for 24 hours")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var body []byte
		if event != "" {
			var err error
			if body, err = command.EventText(cmd.InOrStdin(), event); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Publish(cmd.Context(), args[0], body, key)
		if err != nil {
			return err
		}
		return c.printPublished(cmd.OutOrStdout(), text)
	}
	return cmd
}

func (c *remoteCall) printPublished(w io.Writer, text []byte) error {
	o, err := command.DecodeObject(text)
	if err != nil || c.asJSON {
		return c.print(w, text, "")
	}
	for member, columns := range map[string][]command.Column{"runs": {{"flow", "flow"}, {"run", "run_id"}}, "refused": {{"flow", "flow"}, {"reason", "reason"}}} {
		if list, _ := o[member].([]any); len(list) > 0 {
			if err := command.PrintTable(w, columns, list); err != nil {
				return err
			}
		}
		delete(o, member)
	}
	return command.PrintObject(w, o)
}
