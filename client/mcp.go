package client

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
)

// Message sends a message of the Model Context Protocol to /mcp, and passes the messages that answer it to each, in their order: none
// for a notification. header is added to the request; the header of the response is returned. Errors of the server are *Error.
func (c *Client) Message(ctx context.Context, message []byte, header http.Header, each func(json.RawMessage)) (http.Header, error) {
	r, err := c.request(ctx, http.MethodPost, "/mcp", message)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", "application/json, text/event-stream")
	c.authorize(r, message)
	w, err := c.config.HTTP.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, withoutQuery(err))
	}
	defer w.Body.Close()
	if media, _, _ := mime.ParseMediaType(w.Header.Get("Content-Type")); w.StatusCode == http.StatusOK && media == "text/event-stream" {
		err := readEvents(w.Body, func(e Event) error {
			each(e.Data)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return w.Header, nil
	}
	a, err := readAnswer(w)
	switch {
	case err != nil:
		return nil, err
	case isMessage(a): // also one with a status that is no success
		each(a.body)
	case a.status >= http.StatusBadRequest:
		return nil, newError(a)
	}
	return a.header, nil
}

// isMessage reports whether the body is a message of JSON-RPC.
func isMessage(a *answer) bool {
	var m struct {
		Version string `json:"jsonrpc"`
	}
	return len(a.body) > 0 && json.Unmarshal(a.body, &m) == nil && m.Version == "2.0"
}
