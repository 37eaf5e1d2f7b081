// Package queue brings runs to workers and results back to who waits for
// them: asynq delivers, the run record is the truth.
package queue

import (
	"errors"
	"time"
)

// What Submit may answer, besides errors of the connection.
var (
	ErrReplayed    = errors.New("queue: this request was seen before")
	ErrMismatch    = errors.New("queue: the same idempotency key came with another payload")
	ErrFull        = errors.New("queue: too much work is waiting") // queue depth, or Redis memory at its high-water mark
	ErrUnavailable = errors.New("queue: Redis does not answer")    // try again later
	ErrNotFound    = errors.New("queue: no such run")
)

// Submission is a run to be stored and enqueued, with what must hold for it
// to be accepted. All of it is decided in one round trip.
type Submission struct {
	Spec
	Guard *Guard // nil: every submission is a new run
}

// Guard makes one run of many equal submissions.
type Guard struct {
	Key         string        // unique to the caller and what it sent; hashed before it is stored
	Fingerprint string        // a second submission must carry the same one, else ErrMismatch; empty: not compared
	Window      time.Duration // how long the key is remembered
	Refuse      bool          // a second submission gets ErrReplayed; else it is attached to the first run
}
