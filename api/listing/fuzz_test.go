package listing_test

import (
	"errors"
	"net/url"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/api/listing"
)

// What is accepted can be applied, and its bounds hold whatever matches; what
// is not says where it is wrong.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`name eq "eel"`, `(name in ("a","b") or not weight ge -3) and caught_at lt "2026-11-02"`,
		`tags contains "lake" and alive ne true`, `caught_at eq null`, `((((`, `name eq "\u00`, `- . "" ,`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		q, err := listing.Parse("filter="+url.QueryEscape(filter), schema())
		if err != nil {
			var fault *listing.Error
			if !errors.As(err, &fault) || fault.Position < 0 || fault.Position > utf8.RuneCountInString(filter)+1 {
				t.Fatalf("%q: error %v", filter, err)
			}
			return
		}
		from, to := q.Between("caught_at")
		for _, fish := range q.Apply(shoal()).Items {
			if early := !from.IsZero() && fish.Caught.Before(from); early || !to.IsZero() && after(fish.Caught, to) {
				t.Errorf("%q matches %v, which is not between %v and %v", filter, fish.Caught, from, to)
			}
		}
	})
}

func after(t, limit time.Time) bool { return t.After(limit) }
