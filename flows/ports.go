package flows

import (
	"context"
	"time"
)

// Response is a flow's answer to its caller while the run goes on.
type Response struct {
	Status  int               // HTTP, 200 to 599; 0: the status for a run's output
	Headers map[string]string // including Content-Type
	Body    []byte            // sent as it is
	Items   []byte            // JSON array, instead of Body: sent like a run's output
}

// Flows finds other flows. Safe for concurrent use.
type Flows interface {
	// Find returns the current version of a flow by its number or slug.
	// A ref is a number or slug.
	Find(ref string) (*Flow, bool)
	// Version returns one version of a flow, current or not.
	Version(ctx context.Context, number int64, version string) (*Flow, error)
}

// Emitter starts runs of other flows on behalf of one run. Safe for concurrent use.
type Emitter interface {
	// Emit accepts the run and returns its id. When the key is known, it returns the id of the first run with the
	// key.
	Emit(ctx context.Context, e Emission) (run string, err error)
}

// Emission is a run started by another run.
type Emission struct {
	Flow   string // number or slug
	Event  any
	At     time.Time     // when it starts; zero: now
	Key    string        // runs of one flow with equal keys are one run
	Window time.Duration // how long the key is stored
}

// Callbacks creates the URLs by which an external system resumes an item of a run.
type Callbacks interface {
	// URL is valid for one call, until it expires. The call's body becomes the journaled result of the effect with
	// that key, and the run is woken.
	URL(key string, expires time.Time) (string, error)
}
