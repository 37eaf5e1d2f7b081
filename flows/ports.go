package flows

import (
	"context"
	"time"
)

// Answer is what a flow answers its caller while the run goes on.
type Answer struct {
	Status  int               // HTTP, 200 to 599; 0: as the door answers with a run's output
	Headers map[string]string // Content-Type among them
	Body    []byte            // as it is written
	Items   []byte            // JSON array, in the place of Body: the door answers with it as with a run's output
}

// Flows finds other flows. Safe for concurrent use.
type Flows interface {
	// Find returns the current version of a flow by its number or slug.
	Find(ref string) (*Flow, bool)
	// Version returns one version, also when it is not the current one any more.
	Version(ctx context.Context, number int64, version string) (*Flow, error)
}

// Emitter starts runs of other flows on behalf of one run. Safe for concurrent use.
type Emitter interface {
	// Emit accepts the run and returns its id: that of the first one when the
	// key was seen before.
	Emit(ctx context.Context, e Emission) (run string, err error)
}

// Emission is a run that another one starts.
type Emission struct {
	Flow   string // number or slug
	Event  any
	At     time.Time     // when it starts; zero: now
	Key    string        // equal keys to one flow are one run
	Window time.Duration // how long the key is remembered
}

// Callbacks makes the URLs by which somebody lets an item of one run go on.
type Callbacks interface {
	// URL is good once, until it expires. What is called at it becomes the
	// journal's result of the effect with that key, and wakes the run.
	URL(key string, expires time.Time) (string, error)
}
