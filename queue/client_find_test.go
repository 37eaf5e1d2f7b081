package queue

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// A run is found by the beginning of its id, and by its last group, whether it waits, has ended, or is only in the history.
func TestFindIDs(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	open, ended, archived := r.submit(Submission{Spec: Spec{Queue: "default"}}).RunID(), r.submit(Submission{Spec: Spec{Queue: "default"}}).RunID(), NewRunID("default")
	if _, err := r.client.Cancel(t.Context(), ended, []byte(`{"code":"cancelled"}`)); err != nil {
		t.Fatal(err)
	}
	spec, err := encodeSpec(&Spec{ID: archived, Queue: "default"})
	if err != nil {
		t.Fatal(err)
	}
	h.runs[archived] = Archived{ID: archived, Queue: "default", Record: map[string]string{"state": "failed", "spec": string(spec), "at": "1"}}
	for _, id := range []string{open, ended, archived} {
		for _, part := range []string{id, id[:23], id[24:]} {
			got, err := r.client.FindIDs(t.Context(), part, 10)
			if err != nil || !slices.Equal(got, []string{id}) {
				t.Errorf("%s of %s: %v, %v", part, id, got, err)
			}
		}
	}
	if got, err := r.client.FindIDs(t.Context(), open[:8], 1); err != nil || len(got) != 1 {
		t.Errorf("by the beginning that the ids of a minute have: %v, %v", got, err)
	}
	h.fail = errors.New("away")
	if got, err := r.client.FindIDs(t.Context(), open[24:], 10); !errors.Is(err, ErrHistory) || !slices.Equal(got, []string{open}) {
		t.Errorf("without the history: %v, %v", got, err)
	}
}

func TestPartsOfIDs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"019aa7b6": true, "019aa7b6-": true, "019aa7b6-1234": true, "019aa7b6-1234-7000-8000-0123456789ab": true, "0123456789ab": true,
		"": false, "019aa7b": false, "019aa7b6x": false, "0123456789abc": false, "019aa7b6-1234-7000-8000-0123456789abc": false, "019AA7B6": false,
		"orders-12345": false, "0123-456789a": false,
	} {
		if got := IsIDPart(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	id := NewRunID("default")
	at, _ := MadeAt(id)
	for n := minStart; n < len(id); n++ {
		from, to := madeWithin(id[:n])
		if at.Before(from) || at.After(to) || to.Sub(from) > 5*time.Minute {
			t.Errorf("%s is not within %v and %v", id[:n], from, to)
		}
	}
	if from, to := madeWithin(strings.Repeat("f", 8)); !from.Before(to) {
		t.Error("the last beginning has no time")
	}
}
