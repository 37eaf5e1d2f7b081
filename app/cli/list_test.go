package cli

import (
	"bytes"
	"github.com/penstock/penstock/app/cli/command"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// servePartialList serves a page that is not full although there may be more runs, and the rest with its cursor.
func servePartialList(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	page := `{"items":[{"run_id":"a"}],"page":1,"page_size":50,"total":1,"total_at_least":true,"next_cursor":"further","looked_at":50000,"looked_back_to":"2026-11-28T10:00:00Z"}`
	if r.URL.Query().Get("cursor") == "further" {
		page = `{"items":[{"run_id":"b"}],"page":1,"page_size":50,"total":1}`
	}
	_, _ = w.Write([]byte(page))
}

// The command reports on standard error how many runs were searched; --cursor continues there, and --all to the end.
func TestRunsListSaysHowFarItLooked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(servePartialList))
	defer server.Close()
	const warning = "looked at 50000 runs"
	for _, c := range []struct {
		args  []string
		runs  []string
		warns bool
	}{
		{nil, []string{"a"}, true},
		{[]string{"--json"}, []string{`"a"`}, true},
		{[]string{"--cursor", "further"}, []string{"b"}, false},
		{[]string{"--all"}, []string{"a", "b"}, false},
	} {
		var out, errs bytes.Buffer
		cmd := newRoot(command.Env{"PENSTOCK_URL": server.URL, "PENSTOCK_TOKEN": "t"}, nil)
		cmd.SetArgs(append([]string{"runs", "list"}, c.args...))
		cmd.SetOut(&out)
		cmd.SetErr(&errs)
		if err := cmd.Execute(); err != nil {
			t.Fatalf("%v: %v", c.args, err)
		}
		for _, run := range c.runs {
			if !strings.Contains(out.String(), run) {
				t.Errorf("%v: no run %s in %s", c.args, run, out.String())
			}
		}
		if warned := strings.Contains(errs.String(), warning) && strings.Contains(errs.String(), "--cursor further"); warned != c.warns {
			t.Errorf("%v: %q on standard error", c.args, errs.String())
		}
	}
}
