package searchbox

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func env(t *testing.T) Env {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Env{Now: noon, Zone: zone, Flow: func(name string) (int64, bool) { return 69, name == "orders" || name == "All orders" }}
}

// Each text has its filter, its words, and the text that it is written as.
func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][3]string{ // filter, words, text; an empty text is the same one
		"":                             {"", "", ""},
		"  zoe   smith ":               {"", "zoe smith", "zoe smith"},
		"inv*":                         {"", "inv*", ""},
		`"state:failed" x`:             {"", "state:failed x", `"state:failed" "x"`},
		"https://x.org/a 12:30 -5 a,b": {"", "https://x.org/a 12:30 -5 a,b", ""},
		"state:failed":                 {`state eq "failed"`, "", ""},
		"state:failed,timed_out zoe":   {`state in ("failed", "timed_out")`, "zoe", ""},
		"zoe state:failed":             {`state eq "failed"`, "zoe", "state:failed zoe"},
		"-state:failed":                {`state in ("queued", "running", "waiting", "succeeded", "cancelled", "timed_out")`, "", ""},
		"-triage:open":                 {`not (triage eq "open")`, "", ""},
		"flow:orders":                  {"flow eq 69", "", ""},
		`flow:"All orders",7`:          {"flow in (69, 7)", "", ""},
		"flow:>=7":                     {"flow ge 7", "", ""},
		"step:crm code:step_failed":    {`step eq "crm" and code eq "step_failed"`, "", ""},
		"principal:user:root":          {`principal eq "user:root"`, "", ""},
		`message:"timed out"`:          {`message contains "timed out"`, "", ""},
		`message:a,b`:                  {`(message contains "a" or message contains "b")`, "", ""},
		"label.order:17":               {`labels contains "order=17"`, "", ""},
		`-label.who:"a \"b\", c"`:      {`not (labels contains "who=a \"b\", c")`, "", ""},
		"duration_ms:>2000 attempt:2":  {"duration_ms gt 2000 and attempt eq 2", "", ""},
		"since:2d":                     {`created_at ge "2026-11-28T12:00:00Z"`, "", ""},
		"since:today":                  {`created_at ge "2026-11-29T23:00:00Z"`, "", ""},
		"until:2026-11-29":             {`created_at lt "2026-11-29T23:00:00Z"`, "", ""},
		"since:2026-11-29T09:00":       {`created_at ge "2026-11-29T08:00:00Z"`, "", ""},
		"since:2026-11-29t09:00:00z":   {`created_at ge "2026-11-29T09:00:00Z"`, "", ""},
		"until:1h state:waiting":       {`created_at le "2026-11-30T11:00:00Z" and state eq "waiting"`, "", ""},
		"finished_at:>=2026-11-29":     {`finished_at ge "2026-11-28T23:00:00Z"`, "", ""},
		"finished_at:2026-11-29":       {`(finished_at ge "2026-11-28T23:00:00Z" and finished_at lt "2026-11-29T23:00:00Z")`, "", ""},
		"finished_at:<=2026-11-29":     {`finished_at lt "2026-11-29T23:00:00Z"`, "", ""},

		// Filters of the API.
		`state eq "failed" and flow eq 69`:                      {`state eq "failed" and flow eq 69`, "", "state:failed flow:69"},
		`flow in (1, 2) and step ne "a b"`:                      {`flow in (1, 2) and step ne "a b"`, "", `flow:1,2 -step:"a b"`},
		`created_at ge "2026-11-01" and duration_ms ge 5`:       {`created_at ge "2026-11-01" and duration_ms ge 5`, "", "since:2026-11-01T00:00:00Z duration_ms:>=5"},
		`finished_at lt "2026-11-01T00:00:00.5Z"`:               {`finished_at lt "2026-11-01T00:00:00.5Z"`, "", "finished_at:<2026-11-01T00:00:00.5Z"},
		`labels contains "order=17" and message contains "a,b"`: {`labels contains "order=17" and message contains "a,b"`, "", `label.order:17 message:"a,b"`},
		`state eq "failed" or flow eq 69`:                       {`state eq "failed" or flow eq 69`, "", ""},
		`not (flow eq 1)`:                                       {`not (flow eq 1)`, "", ""},
		`message eq "x"`:                                        {`message eq "x"`, "", ""},
		`started_at eq null`:                                    {`started_at eq null`, "", ""},
	} {
		s, err := Parse(text, env(t))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if want[2] == "" {
			want[2] = text
		}
		if s.Filter != want[0] || s.Words != want[1] || s.String() != want[2] {
			t.Errorf("%s: %q, words %q, written %q", text, s.Filter, s.Words, s)
		}
	}
}

// A mistake says where it is, and what is allowed.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ marked, says string }{
		"a stat:failed":                {"stat", "did you mean state?"},
		"-stepp:x":                     {"stepp", "did you mean step?"},
		"labels:order=1":               {"labels", "label."},
		"label.A:1":                    {"label.A", "small letters"},
		"state:ok,faild":               {"ok", "It is one of queued, running, waiting"},
		"state:failed,timedout":        {"timedout", "did you mean timed_out?"},
		"x state:":                     {"state:", "a value is missing, as in state:queued"},
		"flow:none":                    {"none", `there is no flow "none"`},
		"attempt:two":                  {"two", "attempt:5"},
		"attempt:1,>2":                 {">2", "write attempt: twice"},
		"since:tomorrow":               {"tomorrow", "7d or 1w ago"},
		"since:999999w":                {"999999w", "is a time"},
		"since:1d,2d":                  {"since:1d,2d", "takes one time"},
		`é "open`:                      {`"open`, "position 3: the closing quote is missing"},
		`state eq "faild" and x eq 1`:  {`"faild"`, "it is one of"},
		`stat eq "x"`:                  {"stat", "the fields are"},
		strings.Repeat("x", MaxText+1): {"", "longer than"},
		"a\xff":                        {"", "UTF-8"},
	} {
		_, err := Parse(text, env(t))
		var wrong *Error
		if !errors.As(err, &wrong) || text[wrong.Start:wrong.End] != want.marked || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%.40s: %v, at %+v", text, err, wrong)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	s, err := Parse(`flow:orders state:failed since:2d zoe "x:y"`, env(t))
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		s.With("state", "running", "waiting"): `flow:orders since:2d state:running,waiting "zoe" "x:y"`,
		s.With("state"):                       `flow:orders since:2d "zoe" "x:y"`,
		s.With("principal", "key:a b"):        `flow:orders state:failed since:2d principal:"key:a b" "zoe" "x:y"`,
		s.Without(0):                          `state:failed since:2d "zoe" "x:y"`,
		s.WithoutWords():                      "flow:orders state:failed since:2d",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := s.Values("state"); !slices.Equal(got, []string{"failed"}) {
		t.Errorf("states %v", got)
	}
	raw, err := Parse(`flow eq 1 or flow eq 2`, env(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := raw.With("state", "failed"); got != `(flow eq 1 or flow eq 2) and state eq "failed"` {
		t.Error(got)
	}
}

// The names that the completion offers can be used.
func TestFieldsCanBeUsed(t *testing.T) {
	t.Parallel()
	for _, f := range Fields() {
		text := f.Name + map[string]string{"text": ":x", "number": ":1", "time": ":1d", "label": "x:y"}[f.Kind]
		if len(f.Words) > 0 {
			text = f.Name + ":" + f.Words[0]
		}
		if s, err := Parse(text, env(t)); err != nil || len(s.Terms) != 1 {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
	}
}

// Whatever is typed, nothing fails, and what was read is written so that it is read alike.
func FuzzParse(f *testing.F) {
	for _, text := range []string{`state:failed flow:orders -step:"a b",c since:2d zoe`, `state eq "failed" or flow eq 69`, `"`, `a:"\"`, "label.x:1,2", "x eq y", `- -: :a "":`, "until:today 12:30", "message:\u2028,é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := Env{Now: noon, Flow: func(string) (int64, bool) { return 1, true }}
		s, err := Parse(text, e)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Start > wrong.End || wrong.End > len(text) || wrong.Error() == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		written := s.String()
		if len(written) > MaxText {
			return // quotes make it longer
		}
		again, err := Parse(written, e)
		if err != nil || again.Words != s.Words || again.String() != written || s.Raw == "" && !IsFilter(text) && again.Filter != s.Filter {
			t.Fatalf("%q is written %q, which is %+v, %v", text, written, again, err)
		}
	})
}
