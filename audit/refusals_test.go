package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// However much is refused, the number of entries is bounded, and none of the refusals is uncounted.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	r := NewRefusals(New(Config{}))
	now := time.Now()
	written, counted := 0, int64(0)
	refuse := func(actor, ip string) {
		if !r.counted(&Entry{Actor: actor, Act: "GET /v1/users", IP: ip, Status: 401}) {
			written++
		}
	}
	const attacks = 50_000
	for i := range attacks {
		refuse(Anonymous, fmt.Sprint("192.0.2.", i%5000))
	}
	if written > refusalBurst+1 {
		t.Errorf("%d entries at once", written)
	}
	refuse("user:ann", "192.0.2.1") // with a valid credential
	if written > refusalBurst+2 {
		t.Error("refusals of others are not counted apart")
	}
	for day := range 24 * 60 {
		for _, e := range r.due(now.Add(time.Duration(day)*refusalEvery), false) {
			written++
			counted += e.Count
		}
	}
	for _, e := range r.due(now, true) {
		written++
		counted += e.Count
	}
	if written > 400 {
		t.Errorf("%d entries in a day", written)
	}
	if total := counted + refusalBurst + 1; total < attacks || total > attacks+5 {
		t.Errorf("%d refusals are in the log, of %d", total, attacks)
	}
	if n := len(r.kinds[1].equal); n > maxRefusals {
		t.Errorf("%d are kept in memory", n)
	}
}

func TestCSVHasNoFormulas(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, name := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "ann, \"the\" first"} {
		e := Entry{Name: name, Actor: "user:ann", Status: 200}
		if err := e.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", `"ann, ""the"" first"`} {
		if !strings.Contains(out.String(), ","+want+",") && !strings.Contains(out.String(), `,"`+want+`",`) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
