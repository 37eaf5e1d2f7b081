package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/client"
)

func newHookCapture(e env) *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Open a URL that takes any request, and show what an unknown sender sends",
		Long: "Open a URL that takes any request for ten minutes, and show what comes: headers and body without secrets, and which\n" +
			"sender of the catalogue it may be, as `penstock hook detect` does. The first 20 requests are kept, until the end.\n" +
			"Ctrl-C ends it.\n\n" + remoteHelp,
		Args: exactArgs(0),
	}
	c := newCall(e, cmd)
	cmd.Flags().DurationVar(&length, "for", 10*time.Minute, "`time` from 1s to 1h")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		opened, err := server.Raw(cmd.Context(), http.MethodPost, "/v1/captures", object{"seconds": int64(length / time.Second)})
		if err != nil {
			return err
		}
		var capture struct{ Capture, URL string }
		if err := json.Unmarshal(opened, &capture); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		path := "/v1/captures/" + url.PathEscape(capture.Capture)
		defer func() { // a capture that has ended is gone anyway
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), interruptedLimit)
			defer cancel()
			_, _ = server.Raw(ctx, http.MethodDelete, path, nil)
		}()
		if c.asJSON {
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n", opened)
		} else {
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n\ntakes any request for %v. Enter it at the sender.\n", capture.URL, length)
		}
		return c.showCaptured(cmd, server, path)
	}
	return cmd
}

// showCaptured shows the requests of a capture as they come, until it ends.
func (c *remoteCall) showCaptured(cmd *cobra.Command, server *client.Client, path string) error {
	shown := 0
	err := repeatUntilDone(cmd.Context(), func() error {
		text, err := server.Raw(cmd.Context(), http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		var page struct{ Requests []json.RawMessage }
		if err := json.Unmarshal(text, &page); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		for ; shown < len(page.Requests); shown++ {
			if err := c.printCaptured(cmd.OutOrStdout(), shown+1, page.Requests[shown]); err != nil {
				return err
			}
		}
		return nil
	})
	var answer *client.Error
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil // it has ended
	}
	return err
}

func (c *remoteCall) printCaptured(w io.Writer, n int, text []byte) error {
	if c.asJSON {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	}
	var r struct {
		At         time.Time `json:"at"`
		Method     string    `json:"method"`
		IP         string    `json:"ip"`
		Candidates []struct {
			Sender, Title, Lines string
			Why                  []string
		} `json:"candidates"`
		captured
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	fmt.Fprintf(w, "\n%s  #%d  %s  from %s\n", r.At.Local().Format("15:04:05"), n, cell(r.Method), cell(r.IP))
	if err := r.captured.print(w); err != nil {
		return err
	}
	if len(r.Candidates) == 0 {
		_, err := fmt.Fprintln(w, "  no sender of the catalogue; a flow may describe its own, see docs/webhooks.md")
		return err
	}
	for _, s := range r.Candidates {
		fmt.Fprintf(w, "  %s (%s)\n", s.Title, s.Sender)
		for _, why := range s.Why {
			fmt.Fprintf(w, "    - %s\n", why)
		}
		fmt.Fprintf(w, "\n%s\n", indented(indented(s.Lines)))
	}
	return nil
}
