package mcp

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// slowRuns is an API whose runs take a while, and that counts cancellations.
type slowRuns struct {
	takes     time.Duration
	cancelled atomic.Int32
}

func (s *slowRuns) serve(w http.ResponseWriter, r *http.Request, _ *auth.Principal) {
	if strings.HasSuffix(r.URL.Path, "/cancel") {
		s.cancelled.Add(1)
		return
	}
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = r
	(&httpx.Frame{Now: time.Now}).Begin(c).Run = "run-1"
	httpx.TellRun(c)
	select {
	case <-time.After(s.takes):
		w.Header().Set(httpx.HeaderRun, "run-1")
		_, _ = w.Write([]byte(`{"success":true,"run_id":"run-1","output":[]}`))
	case <-r.Context().Done():
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = w.Write([]byte(`{"code":"handed_over","title":"Gateway Timeout","detail":"this server stops"}`))
	}
}

// A call answers before clients give up, and a connection that ends because it has its answer cancels nothing. One that ends before does, unless the
// client can ask again; a process that stops tells the run.
func TestTheEndOfAConnection(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("f", []byte("flow: 5\ntool: A.\nsteps: [{set: {a: 1}}]"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		takes     time.Duration
		ends      time.Duration // of the connection, after which
		why       error
		key       bool
		text      string // of the result; empty: none
		cancelled int32
	}{
		{"quick", time.Second, time.Minute, context.Canceled, false, "[]", 0},
		{"slow", 55 * time.Second, answerTime + time.Second, context.Canceled, false, "Run run-1 goes on", 0},
		{"disconnected", 20 * time.Second, 10 * time.Second, context.Canceled, false, "[]", 1}, // the fake run is not ended by that
		{"disconnected with a key", 20 * time.Second, 10 * time.Second, context.Canceled, true, "[]", 0},
		{"the process stops", 40 * time.Second, 10 * time.Second, errors.New("it stops"), false, "Run run-1 goes on", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs := &slowRuns{takes: tc.takes}
				a := &api{config: Config{Serve: runs.serve, URL: "https://penstock.example.org"}}
				connection, end := context.WithCancelCause(t.Context())
				from := &request{principal: &auth.Principal{Kind: auth.KindUser, ID: "ulf"}, address: "192.0.2.1", header: http.Header{}, connection: connection}
				params := &mcp.CallToolParamsRaw{Name: "flow_5"}
				if tc.key {
					params.Meta = mcp.Meta{metaKey: "k"}
				}
				time.AfterFunc(tc.ends, func() { end(tc.why) })
				r, err := a.callFlow(from.into(context.Background()), &mcp.CallToolRequest{Params: params}, flow)
				if err != nil || len(r.Content) == 0 || !strings.HasPrefix(r.Content[0].(*mcp.TextContent).Text, tc.text) {
					t.Errorf("%+v, %v", r, err)
				}
				time.Sleep(2 * time.Minute) // of the bubble: all ends
				if n := runs.cancelled.Load(); n != tc.cancelled {
					t.Errorf("%d cancellations, want %d", n, tc.cancelled)
				}
			})
		})
	}
}
