package fault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// No entry of the table is hidden by an earlier one, and each has what its responses need.
func TestEveryEntryIsReached(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if (k.target == nil) == (k.as == nil) {
			t.Errorf("%s matches both an error and a type, or neither", k.Code)
			continue
		}
		if k.Status < 400 || k.Status > 599 || k.Code == "" || strings.Trim(k.Code, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%d %q", k.Status, k.Code)
		}
		if k.target == nil {
			continue
		}
		got := Of(fmt.Errorf("do something: %w", k.target))
		if got.Code != k.Code || got.Status != k.Status || got.Message != k.Message {
			t.Errorf("%v: %d %s %q, want %d %s %q", k.target, got.Status, got.Code, got.Message, k.Status, k.Code, k.Message)
		}
		if got.Title == "" && k.Status != StatusGone || got.Text == "" || got.PageStatus < 400 {
			t.Errorf("%s has a page without a title or text: %+v", k.Code, got)
		}
	}
}

// What an error wraps, and what wraps it, stays in the log: only the text of the types that are made for callers is shown.
func TestWhatIsWrappedIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = "redis://:s3cret@10.0.0.1"
	shown := map[string]error{
		"a record that is wrong": &store.InvalidError{Member: "name", Reason: "is required"},
		"a slug that is taken":   &store.ConflictError{},
		"JSON that is wrong":     strictjson.Check([]byte(`{"a":1,"a":2}`), 64),
		"a body that is large":   &http.MaxBytesError{Limit: 10},
		"a run that ran":         &queue.RanError{Run: "r"},
	}
	for _, k := range kinds {
		if k.target != nil {
			shown[k.Code+": "+k.target.Error()] = k.target
		}
	}
	shown["an internal error"] = errors.New("x")
	for name, err := range shown {
		for _, wrapped := range []error{fmt.Errorf("%s: %w", secret, err), errors.Join(errors.New(secret), err), errors.Join(err, errors.New(secret))} {
			if k := Of(wrapped); strings.Contains(k.Message+k.Text+k.Title, "s3cret") {
				t.Errorf("%s: %+v", name, k)
			}
		}
	}
}

// Several errors in one are what is worst for the caller to get wrong: an unavailable store is not a missing object.
func TestUnavailableIsNotMissing(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		fmt.Errorf("%w: %w", queue.ErrUnavailable, queue.ErrNotFound),
		fmt.Errorf("%w: %w", queue.ErrNotFound, queue.ErrUnavailable),
		errors.Join(store.ErrNotFound, queue.ErrUnavailable),
		errors.Join(queue.ErrFull, queue.ErrUnavailable),
	} {
		if k := Of(err); k.Status != http.StatusServiceUnavailable || k.Retry == 0 {
			t.Errorf("%v: %d %s", err, k.Status, k.Code)
		}
	}
}
