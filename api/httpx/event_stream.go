package httpx

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// EventStream writes Server-Sent Events (WHATWG HTML, section 9.2). Only the goroutine of its request may use it.
type EventStream struct {
	c       *gin.Context
	control *http.ResponseController
	silence time.Duration
	err     error // the first write error
}

// streamWrite is the time limit for writing one event.
const streamWrite = 10 * time.Second

// NewEventStream begins the response. silence is the longest time between two events.
func NewEventStream(c *gin.Context, silence time.Duration) *EventStream {
	h := c.Writer.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = NoStore
	h["X-Content-Type-Options"] = NoSniff
	h["X-Accel-Buffering"] = []string{"no"} // otherwise nginx buffers events
	return &EventStream{c: c, control: http.NewResponseController(c.Writer), silence: silence}
}

// Event writes one event. An event without an id does not change the position of the reader. data has no line breaks.
func (s *EventStream) Event(id, kind, data string) {
	if id != "" {
		id = "id: " + id + "\n"
	}
	s.write(id + "event: " + kind + "\ndata: " + data + "\n\n")
}

// Beat writes a comment, because proxies close silent connections.
func (s *EventStream) Beat() { s.write(": still here\n\n") }

// Err returns the first write error: the reader has disconnected.
func (s *EventStream) Err() error { return s.err }

func (s *EventStream) write(text string) {
	if s.err != nil {
		return
	}
	until := time.Now().Add(s.silence + streamWrite)
	_ = s.control.SetReadDeadline(until) // an error means that there is no deadline
	_ = s.control.SetWriteDeadline(until)
	if _, s.err = s.c.Writer.WriteString(text); s.err == nil {
		s.err = s.control.Flush()
	}
}
