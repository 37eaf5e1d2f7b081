package httpx

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

func TestEventStream(t *testing.T) {
	t.Parallel()
	w := serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) {
		s := NewEventStream(c, time.Second)
		s.Event("7", "state", `{"state":"running"}`)
		s.Beat()
		s.Event("", "end", "{}")
		if s.Err() != nil {
			t.Errorf("written: %v", s.Err())
		}
	})
	if want := "id: 7\nevent: state\ndata: {\"state\":\"running\"}\n\n: still here\n\nevent: end\ndata: {}\n\n"; w.Body.String() != want {
		t.Errorf("%q, want %q", w.Body, want)
	}
	h := w.Header()
	if h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" || !w.Flushed {
		t.Errorf("%v, flushed %t", h, w.Flushed)
	}
}

// gone is a writer whose reader has disconnected.
type gone struct {
	gin.ResponseWriter
	writes int
}

var errGone = errors.New("broken pipe")

func (g *gone) WriteString(string) (int, error) { g.writes++; return 0, errGone }
func (g *gone) Unwrap() http.ResponseWriter     { return g.ResponseWriter }
func (g *gone) Write([]byte) (int, error)       { g.writes++; return 0, errGone }

// After the first error nothing more is written, and the handler sees it.
func TestEventStreamOfAReaderThatHasLeft(t *testing.T) {
	t.Parallel()
	serve(&Frame{}, httptest.NewRequest("GET", "/", nil), func(c *gin.Context) {
		g := &gone{ResponseWriter: c.Writer}
		c.Writer = g
		s := NewEventStream(c, time.Second)
		s.Event("", "state", "{}")
		s.Beat()
		if !errors.Is(s.Err(), errGone) || g.writes != 1 {
			t.Errorf("error %v after %d writes", s.Err(), g.writes)
		}
	})
}
