package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Raw sends in as JSON and returns the body of the response, requested as JSON. A nil in sends no body. Errors of
// the server are *Error.
func (c *Client) Raw(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	a, err := c.send(ctx, method, path, body, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}
