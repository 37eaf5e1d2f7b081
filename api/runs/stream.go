package runs

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// stream writes the events of a run. Only the goroutine of its request may use it.
type stream struct {
	*httpx.EventStream
	sent position // position of the last numbered event
	last queue.State

	principal *auth.Principal // who reads it
	cut       bool            // the reader may not see what the run contains
}

// endID is the id of the event with the final state. A reader that sends it as Last-Event-ID has received the whole
// stream.
const endID = "end"

// newStream begins the response. The position of the reader is in Last-Event-ID; an invalid one is ignored.
func newStream(c *gin.Context) *stream {
	s := &stream{EventStream: httpx.NewEventStream(c, heartbeat+pollInterval)}
	attempt, number, _ := strings.Cut(c.GetHeader("Last-Event-ID"), ".")
	if a, err := strconv.Atoi(attempt); err == nil {
		s.sent.attempt = a
		s.sent.number, _ = strconv.Atoi(number)
	}
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
		id = endID
	}
	s.Event(id, "state", string(data))
}

// writeEvent writes an event of a worker. A numbered event is written once.
func (s *stream) writeEvent(e queue.Event) {
	if s.cut {
		var visible bool
		if e, visible = runaccess.Event(e); !visible {
			return
		}
	}
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
		s.sent, id = at, at.String()
	}
	s.Event(id, e.Kind, string(e.Data))
}
