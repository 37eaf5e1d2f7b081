package session

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// A user sees the sessions that go on, with where each is from and when it was used.
func TestOpenSessionsAreListed(t *testing.T) {
	t.Parallel()
	s, _, now := testStore(t)
	started := *now
	first := begin(t, s)
	*now = started.Add(time.Hour)
	second, err := s.Begin(t.Context(), "ann", "7", Origin{Site: "/developers", IP: "192.0.2.2", Device: "another browser"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Begin(t.Context(), "bob", "1", home); err != nil {
		t.Fatal(err)
	}
	*now = started.Add(2 * time.Hour)
	if _, err := s.Find(t.Context(), first.Token, "192.0.2.9"); err != nil { // from another network
		t.Fatal(err)
	}
	all, err := s.List(t.Context(), "ann")
	want := []Open{
		{first.ID(), "7", Origin{Site: "/console", IP: "192.0.2.9", Device: "a browser"}, started, started.Add(2 * time.Hour)},
		{second.ID(), "7", Origin{Site: "/developers", IP: "192.0.2.2", Device: "another browser"}, started.Add(time.Hour), started.Add(time.Hour)},
	}
	if err != nil || !slices.EqualFunc(all, want, same) {
		t.Errorf("got %+v, %v, want %+v", all, err, want)
	}
	*now = started.Add(9*time.Hour + time.Minute) // the second is idle for too long, the first is not
	if all, err = s.List(t.Context(), "ann"); err != nil || len(all) != 1 || all[0].ID != first.ID() {
		t.Errorf("after the end of one: %+v, %v", all, err)
	}
}

func same(a, b Open) bool {
	return a.ID == b.ID && a.Epoch == b.Epoch && a.Origin == b.Origin && a.Began.Equal(b.Began) && a.Seen.Equal(b.Seen)
}

// A user ends sessions of the own list only.
func TestSessionsAreEndedByTheirUser(t *testing.T) {
	t.Parallel()
	s, _, _ := testStore(t)
	one, two := begin(t, s), begin(t, s)
	other, err := s.Begin(t.Context(), "bob", "1", home)
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.EndOf(t.Context(), "ann", one.ID(), other.ID(), "unknown")
	if err != nil || n != 1 {
		t.Errorf("%d ended, %v", n, err)
	}
	for name, c := range map[string]struct {
		token string
		ended bool
	}{"the one": {one.Token, true}, "the other": {two.Token, false}, "that of somebody else": {other.Token, false}} {
		if _, err := s.Find(t.Context(), c.token, home.IP); errors.Is(err, ErrNone) != c.ended {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := s.List(t.Context(), "ann"); err != nil || len(all) != 1 || all[0].ID != two.ID() {
		t.Errorf("left: %+v, %v", all, err)
	}
}

// The oldest session of a user ends when there are too many.
func TestSessionsOfAUserAreBounded(t *testing.T) {
	t.Parallel()
	s, _, _ := testStore(t)
	first := begin(t, s)
	second := begin(t, s)
	for range maxSessions - 1 {
		begin(t, s)
	}
	if _, err := s.Find(t.Context(), first.Token, home.IP); !errors.Is(err, ErrNone) {
		t.Errorf("the oldest: %v", err)
	}
	if _, err := s.Find(t.Context(), second.Token, home.IP); err != nil {
		t.Errorf("the oldest but one: %v", err)
	}
	if all, err := s.List(t.Context(), "ann"); err != nil || len(all) != maxSessions {
		t.Errorf("%d are listed, %v", len(all), err)
	}
}

// A session knows the sign-in before it, and the last one is known by the user's name.
func TestSignInsAreRemembered(t *testing.T) {
	t.Parallel()
	s, _, now := testStore(t)
	started := *now
	if first := begin(t, s); !first.Last.At.IsZero() {
		t.Errorf("before the first: %+v", first.Last)
	}
	*now = started.Add(time.Hour)
	second, err := s.Begin(t.Context(), "ann", "7", Origin{Site: "/console", IP: "192.0.2.2", Device: string(make([]byte, 2*maxDevice))})
	if err != nil || !second.Last.At.Equal(started) || second.Last.IP != home.IP || second.Last.Device != home.Device {
		t.Errorf("before the second: %+v, %v", second.Last, err)
	}
	if found, err := s.Find(t.Context(), second.Token, home.IP); err != nil || found.Last.IP != home.IP || !found.Last.At.Equal(started) {
		t.Errorf("found: %+v, %v", found, err)
	}
	last, err := s.LastSignIns(t.Context(), []string{"bob", "ann"})
	if err != nil || !last[0].At.IsZero() || !last[1].At.Equal(started.Add(time.Hour)) || last[1].IP != "192.0.2.2" || len(last[1].Device) != maxDevice {
		t.Errorf("last: %+v, %v", last, err)
	}
}
