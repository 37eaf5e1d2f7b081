package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Listing asks for a part of a list. The zero Listing is the first page.
type Listing struct {
	Filter   string // `state eq "failed" and flow eq 69`; empty: all
	Order    string // "-created_at,flow"; empty: as the server likes
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

// Runs is one page of runs, without their output and steps.
type Runs struct {
	Items    []Run `json:"items"`
	Page     int   `json:"page"`
	PageSize int   `json:"page_size"`
	Total    int   `json:"total"`
	AtLeast  bool  `json:"total_at_least"` // there are more than were counted

	Next         string    `json:"next_cursor"`    // goes on behind this page; empty: by the next page number, or there is nothing more
	Looked       int       `json:"looked_at"`      // of a page that is not full although there may be more: runs that were looked at
	LookedBackTo time.Time `json:"looked_back_to"` // likewise: until when
}

// Runs lists runs, the newest first unless told otherwise. Errors of the
// server are *Error.
func (c *Client) Runs(ctx context.Context, l Listing) (*Runs, error) {
	page := &Runs{}
	return page, c.Call(ctx, http.MethodGet, "/v1/runs?"+l.query(), nil, page)
}

// Cancel ends a run that has not ended, and returns it. Errors of the server
// are *Error; 409: it has ended.
func (c *Client) Cancel(ctx context.Context, id string) (*Run, error) {
	run := &Run{}
	return run, c.Call(ctx, http.MethodPost, "/v1/runs/"+url.PathEscape(id)+"/cancel", nil, run)
}

// Replay runs a flow again with the event of an earlier run, in its current
// version or in that of the earlier run, and returns at once. Errors of the
// server are *Error.
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
