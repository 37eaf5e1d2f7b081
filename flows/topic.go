package flows

import (
	"context"
	"regexp"
	"time"
)

// Bounds of topics.
const (
	MaxSubscribers    = 100       // flows that subscribe to one topic
	MaxPublishedEvent = 256 << 10 // bytes of an event as JSON
	MaxWhere          = 5         // members of an event that one step compares
	MaxWhereShapes    = 16        // sets of members that waiting steps compare, of one topic
	MaxWaitingRuns    = 1000      // steps that wait for the same values of one topic
	MaxWhereValue     = 512       // bytes of a compared value as JSON
)

var topicForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckTopic returns why a name is not that of a topic; empty: it is one.
func CheckTopic(name string) string {
	if topicForm.MatchString(name) {
		return ""
	}
	return "the name of a topic is 1 to 100 letters, digits, dots, - and _, as in order.paid"
}

// Topics publishes events on behalf of one run, and registers its steps that wait for events. Safe for concurrent use.
type Topics interface {
	// Audience returns who gets an event that is published now.
	Audience(ctx context.Context, topic string) (Audience, error)
	// Publish starts a run of each flow of the audience, and resumes the runs that wait for such an event. It does all that
	// can be done before it returns an error, which is an *Error; after one it may be repeated.
	Publish(ctx context.Context, p Publication) (Published, error)
	// Await registers a step that waits for an event. A repetition changes nothing.
	Await(ctx context.Context, w EventWait) error
	// Forget removes what Await registered.
	Forget(ctx context.Context, w EventWait) error
}

// Audience is who gets an event. It is encoded as JSON in the journal of the run that publishes.
type Audience struct {
	At    int64   `json:"at"`    // runs that have begun to wait by then, unix microseconds of Redis' clock
	Flows []int64 `json:"flows"` // numbers of the flows that subscribe, sorted
}

// Publication is an event to be published.
type Publication struct {
	Topic    string
	Event    any
	Key      string        // each flow of the audience gets one run for equal keys of a topic
	Window   time.Duration // how long the key is stored
	Audience Audience
}

// Published is what an event has started. Its lists are not nil.
type Published struct {
	Runs    []PublishedRun `json:"runs"`    // of the flows that subscribe, in the order of their numbers
	Refused []RefusedEvent `json:"refused"` // by flows that can never take the event
	Resumed int            `json:"resumed"` // steps of runs that waited for the event
}

// PublishedRun is a run that an event has started.
type PublishedRun struct {
	Flow int64  `json:"flow"`
	Run  string `json:"run_id"`
}

// RefusedEvent says why a flow gets no run for an event.
type RefusedEvent struct {
	Flow   int64  `json:"flow"`
	Reason string `json:"reason"`
}

// EventWait is a step that waits for an event.
type EventWait struct {
	Topic   string
	Where   map[string]any // values by path of the member, "order.id"; none: every event of the topic
	Key     string         // of the step and item, as Input.Key returns it: it gets the event as its result
	Expires time.Time
}
