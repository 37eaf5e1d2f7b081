package runs

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// streamWrite is the time limit for writing one event.
const streamWrite = 10 * time.Second

// stream writes Server-Sent Events (WHATWG HTML, section 9.2). Only the goroutine of its request may use it.
type stream struct {
	c       *gin.Context
	control *http.ResponseController
	sent    position // position of the last numbered event
	last    queue.State
	err     error // the first write error: the reader has disconnected
}

// endID is the id of the event with the final state. A reader that sends it as Last-Event-ID has received the whole
// stream.
const endID = "end"

// newStream begins the response. The position of the reader is in Last-Event-ID; an invalid one is ignored.
func newStream(c *gin.Context) *stream {
	s := &stream{c: c, control: http.NewResponseController(c.Writer)}
	attempt, number, _ := strings.Cut(c.GetHeader("Last-Event-ID"), ".")
	if a, err := strconv.Atoi(attempt); err == nil {
		s.sent.attempt = a
		s.sent.number, _ = strconv.Atoi(number)
	}
	h := c.Writer.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = httpx.NoStore
	h["X-Content-Type-Options"] = httpx.NoSniff
	h["X-Accel-Buffering"] = []string{"no"} // otherwise nginx buffers events
	return s
}

// writeState writes a state that differs from the last one.
func (s *stream) writeState(state queue.State, failure *flows.Error) {
	if state == s.last {
		return
	}
	s.last = state
	data, err := json.Marshal(struct {
		State queue.State  `json:"state"`
		Error *flows.Error `json:"error,omitempty"`
	}{state, failure})
	if err != nil {
		panic(err) // texts always encode
	}
	id := ""
	if state.Terminal() {
		id = "id: " + endID + "\n"
	}
	s.write(id + "event: state\ndata: " + string(data) + "\n\n")
}

// writeEvent writes an event of a worker. A numbered event is written once.
func (s *stream) writeEvent(e queue.Event) {
	if e.Kind == queue.EventState {
		var state queue.State
		if json.Unmarshal(e.Data, &state) == nil {
			s.writeState(state, nil)
		}
		return
	}
	id := ""
	if e.Number > 0 {
		at := position{e.Attempt, e.Number}
		if !s.sent.before(at) {
			return
		}
		s.sent, id = at, "id: "+at.String()+"\n"
	}
	s.write(id + "event: " + e.Kind + "\ndata: " + string(e.Data) + "\n\n")
}

func (s *stream) write(text string) {
	if s.err != nil {
		return
	}
	until := time.Now()
	_ = s.control.SetReadDeadline(until.Add(heartbeat + pollInterval + streamWrite)) // an error means that there is no deadline
	_ = s.control.SetWriteDeadline(until.Add(heartbeat + pollInterval + streamWrite))
	if _, s.err = s.c.Writer.WriteString(text); s.err == nil {
		s.err = s.control.Flush()
	}
}
