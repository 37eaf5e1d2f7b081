package cli

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
)

// newHealth returns the health check for images without a shell and curl.
func newHealth(e command.Env) *cobra.Command {
	var s app.Settings
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Check whether the front door of this machine is ready; fail if it is not",
		Args:  command.UsageArgs(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&s.Listen, "listen", "127.0.0.1:8080", "`address` that the front door listens on")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := e.Fill(cmd.Flags()); err != nil {
			return err
		}
		return askReady(cmd, s.Listen)
	}
	return cmd
}

func askReady(cmd *cobra.Command, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("read settings: %s: %w", app.Variable("listen"), err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address
	}
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	client := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s: %s", resp.Status, body)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", body)
	return err
}
