package hooks_test

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
	"github.com/penstock/penstock/queue"
)

// endedTicket is the ticket of a run that has ended.
type endedTicket struct{}

func (endedTicket) RunID() string  { return "0193a4b0-0000-7000-8000-000000000000" }
func (endedTicket) Attached() bool { return false }
func (endedTicket) Close()         {}
func (endedTicket) Wait(context.Context) (queue.Result, error) {
	return queue.Result{State: queue.Succeeded, Output: []byte("[]")}, nil
}

// discardWriter is a ResponseWriter that discards the response.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header              { return w.header }
func (w *discardWriter) Write(p []byte) (int, error)      { return len(p), nil }
func (w *discardWriter) WriteHeader(int)                  {}
func (w *discardWriter) SetReadDeadline(time.Time) error  { return nil }
func (w *discardWriter) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkDelivery measures a signed delivery of 1 KB without network and queue: without the log of deliveries, with it,
// and while the flow is recorded.
func BenchmarkDelivery(b *testing.B) {
	body := `{"n":1,"pad":"` + strings.Repeat("x", 1000) + `"}`
	for _, name := range []string{"off", "listed", "recorded"} {
		b.Run(name, func(b *testing.B) {
			p := apitest.NewProduct(b, func(c *api.Config) {
				c.Submit = func(context.Context, queue.Submission) (runner.Ticket, error) { return endedTicket{}, nil }
				c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
				if name == "off" {
					c.Deliveries = nil
				}
			})
			p.Secret("hook", "s3")
			p.Deploy(7, apitest.HookFlow("scheme: github", ""))
			if name == "recorded" {
				_, err := p.Deliveries.Record(b.Context(), 7, time.Hour, 0)
				apitest.Fatal(b, err)
			}
			r := httptest.NewRequest(http.MethodPost, "/hooks/7", nil)
			r.Header = http.Header{"Content-Type": {"application/json"}, "X-Hub-Signature-256": {"sha256=" + apitest.HexMAC("s3", body)}}
			reader := strings.NewReader(body)
			r.ContentLength = int64(len(body))
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				r.Body = io.NopCloser(reader)
				w := discardWriter{http.Header{}}
				p.API.ServeHTTP(&w, r)
				if w.header.Get("Penstock-Run-Id") == "" {
					b.Fatal("nothing ran")
				}
			}
		})
	}
}
