package runaccess

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// mark sets all texts that are exported to their paths.
func mark(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		mark(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type.String() != "time.Time" && f.Type.Kind() != reflect.Interface {
				mark(v.Field(i), path+"."+f.Name)
			}
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.Set(reflect.ValueOf(json.RawMessage(`"` + path + `"`)))
			return
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(path))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		mark(v.Index(0), path)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if v.Type().Elem().Kind() == reflect.String {
			v.SetMapIndex(reflect.ValueOf("name"), reflect.ValueOf(path))
		}
	case reflect.String:
		v.SetString(path)
	}
}

// texts returns the paths of the marks that are left.
func texts(t *testing.T, r queue.Record) (all []string) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.SplitSeq(string(text), `"`) {
		if strings.HasPrefix(word, ".") && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	slices.Sort(all)
	return all
}

// A text that a run has, and that is not in this list, is not shown to those who may only watch runs. A new member of a run fails this
// test, until somebody decides.
func TestWhatIsLeftOfARun(t *testing.T) {
	t.Parallel()
	var r queue.Record
	mark(reflect.ValueOf(&r).Elem(), "")
	r.Steps = nil // has a test of its own
	got := texts(t, withoutContent(r))
	want := []string{
		".FailureRun", ".ReplayedBy", ".Result.Error.Class", ".Result.Error.Code", ".Result.Error.SQLState", ".Result.Error.Step", ".Result.State", ".ResumedBy",
		".Retry.Tries.Error.Class", ".Retry.Tries.Error.Code", ".Retry.Tries.Error.SQLState", ".Retry.Tries.Error.Step",
		".Spec.FailureOf", ".Spec.ID", ".Spec.Origin", ".Spec.Principal", ".Spec.Queue", ".Spec.ReplayOf", ".Spec.RequestID", ".Spec.ResumedFrom", ".Spec.Version",
		".Triage.By", ".Triage.Run", ".Triage.State", ".Worker",
	}
	if !slices.Equal(got, want) {
		t.Errorf("what is left\n%q, want\n%q", got, want)
	}
	if r.Event == nil || r.Output == nil || r.Labels == nil || r.Error.Message == "" || r.Triage.Note == "" || r.Retry.Tries[0].Error.Message == "" {
		t.Error("the run itself has changed")
	}
}

func TestWhatIsLeftOfSteps(t *testing.T) {
	t.Parallel()
	const record = `{"steps":[{"step":"a","kind":"http","in":1,"out":0,"at":"2026-12-01T00:00:00Z","us":5,"error":"SECRET","within":"0.","items":["SECRET"],"later":"SECRET",
		"each":[{"item":0,"after_us":1,"us":4,"out":0,"error":"SECRET","later":"SECRET"}]}, "SECRET"],"log":[{"message":"SECRET"}],"dropped":2,"exchanges":["SECRET"],"attempts":["SECRET"]}`
	got := string(stepsWithoutContent(json.RawMessage(record)))
	want := `{"steps":[{"at":"2026-12-01T00:00:00Z","each":[{"after_us":1,"item":0,"out":0,"us":4}],"in":1,"kind":"http","out":0,"step":"a","us":5,"within":"0."},{}],"dropped":2}`
	if got != want {
		t.Errorf("steps\n%s, want\n%s", got, want)
	}
	for _, odd := range []string{`"SECRET"`, `["SECRET"]`, `{"steps":"SECRET"}`, `{"steps":[{"each":"SECRET"}]}`, `{"steps":[{"each":["SECRET",[1]]}]}`, `SECRET`} {
		if got := string(stepsWithoutContent(json.RawMessage(odd))); strings.Contains(got, "SECRET") {
			t.Errorf("%s: %s", odd, got)
		}
	}
}

func TestWhatIsLeftOfEvents(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"step": `{"step":"a"}`, "step_started": `{"step":"a"}`, "step_progress": `{"step":"a"}`, "item": "", "log": "", "anything": "",
	} {
		e, visible := Event(queue.Event{Kind: kind, Data: json.RawMessage(`{"step":"a","items":["SECRET"],"error":"SECRET"}`)})
		if visible != (want != "") || visible && string(e.Data) != want {
			t.Errorf("%s: %s, %v", kind, e.Data, visible)
		}
	}
}

func TestOnesOwnRunsAreSeenWithWhatTheyContain(t *testing.T) {
	t.Parallel()
	own := &queue.Record{Spec: queue.Spec{Flow: 1, Principal: "user:ann"}}
	other := &queue.Record{Spec: queue.Spec{Flow: 1, Principal: "user:bob"}}
	for _, c := range []struct {
		name            string
		p               auth.Principal
		own, other      bool
		ownSeen, others bool
	}{
		{"may run", auth.Principal{Scopes: []auth.Scope{"flows:run"}}, true, false, true, false},
		{"may run another flow", auth.Principal{Scopes: []auth.Scope{"flows:run:2"}}, false, false, false, false},
		{"reads its own", auth.Principal{Scopes: []auth.Scope{"runs:read"}}, true, false, true, false},
		{"watches its own", auth.Principal{Scopes: []auth.Scope{"runs:watch"}}, false, false, true, false},
		{"reads, as staff", auth.Principal{Scopes: []auth.Scope{"runs:read"}, Staff: true}, true, true, true, true},
		{"watches by right", auth.Principal{Granted: []auth.Scope{"runs:watch"}}, false, false, true, true},
		{"reads by right", auth.Principal{Granted: []auth.Scope{"runs:read"}}, true, true, true, true},
		// runs:read of its own runs does not become one for others by the right to watch
		{"reads its own, watches by right", auth.Principal{Scopes: []auth.Scope{"runs:read", "flows:run"}, Granted: []auth.Scope{"runs:watch", "runs:write"}}, true, false, true, true},
	} {
		p := c.p
		p.Kind, p.ID = auth.KindUser, "ann"
		if got := []bool{Reads(&p, own), Reads(&p, other), Watches(&p, own), Watches(&p, other)}; !slices.Equal(got, []bool{c.own, c.other, c.ownSeen, c.others}) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
