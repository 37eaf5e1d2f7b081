package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Input is what a run was accepted with.
type Input struct {
	Event   json.RawMessage   `json:"event"` // null: there was none
	Params  map[string]string `json:"params"`
	Headers map[string]string `json:"headers"`
}

// Input reads what a run was accepted with. Errors of the server are *Error.
func (c *Client) Input(ctx context.Context, run string) (*Input, error) {
	in := &Input{}
	return in, c.Call(ctx, http.MethodGet, "/v1/runs/"+url.PathEscape(run)+"/input", nil, in)
}
