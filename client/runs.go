package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Listing are the parameters of a listing. The zero value requests the first page.
type Listing struct {
	Filter   string // `state eq "failed" and flow eq 69`; empty: all items
	Order    string // "-created_at,flow"; empty: default order of the server
	Page     int    // from 1; 0: the first
	PageSize int    // at most 200; 0: 50
	Cursor   string // Next of an earlier page; empty: from the excerpt
}

func (l *Listing) query() string {
	query := url.Values{}
	for name, value := range map[string]string{"filter": l.Filter, "order_by": l.Order, "cursor": l.Cursor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, value := range map[string]int{"page": l.Page, "page_size": l.PageSize} {
		if value != 0 {
			query.Set(name, strconv.Itoa(value))
		}
	}
	return query.Encode()
}

// Runs is one page of runs, without their outputs and steps.
type Runs struct {
	Items    []Run `json:"items"`
	Page     int   `json:"page"`
	PageSize int   `json:"page_size"`
	Total    int   `json:"total"`
	AtLeast  bool  `json:"total_at_least"` // Total is a lower bound

	Next         string    `json:"next_cursor"`    // cursor of the next page; empty: the next page has a number, or there is none
	Looked       int       `json:"looked_at"`      // number of runs read, for a page that is not full although there may be more
	LookedBackTo time.Time `json:"looked_back_to"` // time of acceptance of the last one
}

// Runs lists runs, by default the newest first. Errors of the server are *Error.
func (c *Client) Runs(ctx context.Context, l Listing) (*Runs, error) {
	page := &Runs{}
	return page, c.Call(ctx, http.MethodGet, "/v1/runs?"+l.query(), nil, page)
}

// Cancel cancels a run and returns it. Errors of the server are *Error, with status 409 if the run has ended.
func (c *Client) Cancel(ctx context.Context, id string) (*Run, error) {
	run := &Run{}
	return run, c.Call(ctx, http.MethodPost, "/v1/runs/"+url.PathEscape(id)+"/cancel", nil, run)
}

// Replay starts a new run with the event of an earlier one, and returns without waiting. pinned selects the version
// of the earlier run instead of the current one. Errors of the server are *Error.
func (c *Client) Replay(ctx context.Context, id string, pinned bool) (*Run, error) {
	body := `{"version":"current"}`
	if pinned {
		body = `{"version":"pinned"}`
	}
	a, err := c.send(ctx, http.MethodPost, "/v1/runs/"+url.PathEscape(id)+"/replay", []byte(body), http.Header{"Prefer": {"respond-async"}})
	if err != nil {
		return nil, err
	}
	run := &Run{}
	return run, a.decode(run)
}
