package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// discardWriter is a ResponseWriter that discards the response.
type discardWriter struct{ header http.Header }

func (b *discardWriter) Header() http.Header         { return b.header }
func (b *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (b *discardWriter) WriteHeader(int)             {}

func (b *discardWriter) SetReadDeadline(time.Time) error  { return nil }
func (b *discardWriter) SetWriteDeadline(time.Time) error { return nil }

// endedTicket is the ticket of a run that has ended.
type endedTicket struct{ result queue.Result }

func (t *endedTicket) RunID() string                              { return "0193a4b0-0000-7000-8000-000000000000" }
func (t *endedTicket) Attached() bool                             { return false }
func (t *endedTicket) Close()                                     {}
func (t *endedTicket) Wait(context.Context) (queue.Result, error) { return t.result, nil }

func benchAPI(b *testing.B) *api.API {
	b.Helper()
	ticket := &endedTicket{queue.Result{State: queue.Succeeded, Output: []byte(`[{"id":"280","pad":"` + strings.Repeat("x", 1000) + `"}]`),
		Times: queue.Times{Accepted: apitest.Epoch, Started: apitest.Epoch, Finished: apitest.Epoch}}}
	a, err := api.New(api.Config{
		Submit:  func(context.Context, queue.Submission) (runner.Ticket, error) { return ticket, nil },
		Records: apitest.NewFakeQueue(),
		Flows:   oneFlow{fixedFlow},
		Keys:    apitest.KeyList{apitest.KeyID: {Key: apitest.KeyID, Name: "crm", Secret: apitest.KeySecret, APIAccess: true}},
		Log:     slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Now:     func() time.Time { return apitest.Epoch },
	})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

var fixedFlow = &flows.Flow{Number: 69, Version: "v69", Queue: "default", Limit: time.Minute, Webhook: &flows.Webhook{}}

// oneFlow finds its flow by any reference.
type oneFlow struct{ flow *flows.Flow }

func (o oneFlow) Find(string) (*flows.Flow, bool) { return o.flow, true }

// BenchmarkSmartSYNC measures a POST of 1 KB without network and queue: query, check value, JSON, log line and
// response.
func BenchmarkSmartSYNC(b *testing.B) {
	a := benchAPI(b)
	body := `{"email":"a@b.org","tags":["x","y"],"address":{"city":"Denver","zip":80202},"pad":"` + strings.Repeat("x", 900) + `"}`
	signed := apitest.Call{Body: body}.Request()
	native := httptest.NewRequest("POST", "/v1/flows/69/runs", nil)
	(&apitest.FakeAPI{}).Sign(native, body)
	native.Header.Set("Content-Type", "application/json")
	for name, r := range map[string]*http.Request{"smartsync": signed, "native": native} {
		b.Run(name, func(b *testing.B) {
			reader := strings.NewReader(body)
			r.ContentLength = int64(len(body))
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				r.Body = io.NopCloser(reader)
				w := discardWriter{http.Header{}}
				a.ServeHTTP(&w, r)
				if w.header.Get("Penstock-Run-Id") == "" {
					b.Fatal("nothing ran")
				}
			}
		})
	}
}
