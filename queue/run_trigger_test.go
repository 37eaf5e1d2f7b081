package queue

import (
	"slices"
	"testing"
)

func TestWhatStartedARun(t *testing.T) {
	t.Parallel()
	for want, spec := range map[string]Spec{
		"sync": {Principal: "key:a", Sync: true}, "async": {Principal: "user:a"}, "webhook": {Principal: "hook:7", Sync: true}, "schedule": {},
		"flow": {Principal: "key:a", Depth: 1}, "on_failure": {FailureOf: "r"}, "replay": {Principal: "user:a", ReplayOf: "r", Sync: true}, "resume": {ResumedFrom: "r", FailureOf: "x"},
	} {
		if got := (&Record{Spec: spec}).Trigger(); got != want || !slices.Contains(Triggers(), got) {
			t.Errorf("%+v: %s, want %s", spec, got, want)
		}
	}
}
