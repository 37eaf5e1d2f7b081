package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err     error
		status  int
		code    string
		message string
		hidden  bool
		page    int
		title   string
		text    string
	}{
		{&queue.RanError{Run: "r"}, 409, "already_ran", "accepted before", false, 409, "Conflict", ""},
		{&store.InvalidError{Member: "name", Reason: "is required"}, 400, "invalid", "name", false, 422, "This cannot be saved", "is required"},
		{&auth.QueryError{Reason: "too long", Offset: 3}, 400, "bad_query", "byte 3: too long", false, 400, "The address cannot be read", "byte 3"},
		{&listing.Error{Param: "filter", Position: 2, Message: "odd"}, 400, "bad_listing", "filter, position 2: odd", false, 400, "The filter cannot be read", "odd"},
		{&http.MaxBytesError{Limit: 10}, 413, "too_large", "the body is larger than 10 bytes", false, 413, "Too large", "larger than this server takes"},
		{queue.ErrFull, 503, "overloaded", "try again later", true, 503, "Too much work is waiting", "New runs are refused"},
		{queue.ErrNotFound, 404, "not_found", "no such run", true, 404, "Nothing is here", "was deleted"},
		{store.ErrNotFound, 404, "not_found", "none of that name", true, 404, "Nothing is here", "was deleted"},
		{auth.ErrUnavailable, 503, "unavailable", "cannot be checked", true, 503, "Service Unavailable", "cannot be checked"},
		{context.Canceled, fault.StatusGone, "caller_gone", "did not wait", true, fault.StatusGone, "", ""},
		{errors.New("dial 10.0.0.1"), 500, "internal", "request id", true, 500, "Something went wrong here", "The log says what"},
	} {
		k := fault.Of(fmt.Errorf("do something: %w", tc.err))
		if k.Status != tc.status || k.Code != tc.code || !strings.Contains(k.Message, tc.message) || k.Hidden != tc.hidden {
			t.Errorf("%v: API %d %q %q, hidden %v", tc.err, k.Status, k.Code, k.Message, k.Hidden)
		}
		if k.PageStatus != tc.page || k.Title != tc.title || !strings.Contains(k.Text, tc.text) {
			t.Errorf("%v: page %d %q %q", tc.err, k.PageStatus, k.Title, k.Text)
		}
		if strings.Contains(k.Message+k.Text, "10.0.0.1") {
			t.Errorf("%v: the text of an internal error is shown", tc.err)
		}
	}
}

// Only errors that pass by themselves have a time to retry.
func TestOfRetry(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]time.Duration{
		queue.ErrFull: 2 * time.Second, fault.ErrNoMemory: 2 * time.Second, queue.ErrUnavailable: time.Second, queue.ErrNotFound: 0, fault.ErrHandOver: 0,
	} {
		if got := fault.Of(err).Retry; got != want {
			t.Errorf("%v: Retry %v, want %v", err, got, want)
		}
	}
}
