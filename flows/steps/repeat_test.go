package steps_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const polling = "  - split: .[]\n  - repeat:\n      steps: [{probe: {}}, {state: {increment: '${ . }'}}]\n      until: . >= 3\n      every: 1m\n      max: 4\n"

// A wait between two rounds parks the run. Rounds that have ended are not executed again.
func TestRepeatParksTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, polling)
		for round := range 2 {
			if wait := r.parked([]any{"a", "b"}); wait != time.Minute {
				t.Errorf("parked for %v", wait)
			}
			r.sawEffects(2 * (round + 1))
			time.Sleep(20 * time.Second)
			if wait := r.parked([]any{"a", "b"}); wait != 40*time.Second {
				t.Errorf("parked for %v more", wait)
			}
			time.Sleep(40 * time.Second)
		}
		r.done([]any{"a", "b"}, `[3,3]`)
		r.sawEffects(6)
	})
}

// A worker that is lost at any moment repeats no effect of any round.
func TestRepeatAfterALostWorker(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, strings.Replace(polling, "every: 1m", "every: 0s", 1))
	const want = `[3]`
	r.done([]any{"a"}, want)
	whole := r.results
	for i := range r.keys() {
		r.results = map[string]string{}
		for key, v := range whole { // every effect of the steps, and the rounds up to one
			if !strings.Contains(key, "round-") || key <= "repeat.0.round-"+string(rune('0'+i)) {
				r.results[key] = v
			}
		}
		r.done([]any{"a"}, want)
	}
	r.sawEffects(3)
}

// A run that continues one that failed because of its rounds has as many rounds again, which follow those.
func TestRepeatOfAResumedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - repeat:\n      steps: [{probe: {}}, {transform: $round}]\n      until: . == 6\n      every: 2s\n      within: 5s\n      max: 3\n")
		r.fails("x", flows.CodeStepFailed, "until is not true after 3 rounds")
		r.sawEffects(3)
		time.Sleep(time.Hour)
		items, err := r.flow.Execute(t.Context(), flows.Run{ID: "next", Origin: "run", Event: "x"}, r.env)
		if err != nil || string(flows.EncodeJSON(items)) != "[6]" {
			t.Errorf("put out %v, %v", items, err)
		}
		r.sawEffects(6)
	})
}

func TestRepeatMistakes(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"repeat: {steps: [{set: {a: 1}}], until: true, max: 1001}":             "max: expected 1 to 1000",
		"repeat: {steps: [{set: {a: 1}}], until: true, every: 25h}":            "every: expected at most 24h",
		"repeat: {steps: [{set: {a: 1}}], until: true, every: 5m, within: 5m}": "no second round can begin within 5m0s",
		"repeat: {steps: [{set: {a: 1}}]}":                                     "until is missing",
		"set: {a: '${ $round }'}":                                              "$round belongs to the steps and the condition of repeat",
		"repeat: {steps: [{set: {a: 1}}], until: true}\n    if: $round > 1":    "$round belongs to",
		"repeat: {steps: [{set: {a: 1}}], until: true}\n    retry: 3":          "retry has no meaning for a repeat step",
		"repeat: {steps: [{name: a, set: {a: 1}}], until: $steps.b}":           `no step is named "b"`,
	} {
		_, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - "+step+"\n"), steps.Catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", step, err, want)
		}
	}
}
