package api_test

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/rejectlog"
)

// rejections is a RejectLog in memory.
type rejections struct {
	mu  sync.Mutex // guards all
	all []rejectlog.Rejection
}

func (k *rejections) Add(r rejectlog.Rejection) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, r)
}

func TestRefusalsAreKept(t *testing.T) {
	t.Parallel()
	kept := &rejections{}
	d := apitest.NewFakeAPI(t, func(c *api.Config) { c.RejectLog = kept })
	d.Call(apitest.Call{})
	d.Call(apitest.Call{Body: `{"secret":"of somebody"}`, Check: strings.Repeat("0", 32)})
	d.Call(apitest.Call{Params: map[string]string{"foo": "bar"}})
	want := []rejectlog.Rejection{
		{Method: "POST", Route: "/apis/execute.php", Status: 401, Code: "unauthorized", Message: "unknown key or wrong check value", Flow: "69", Key: apitest.KeyID, IP: "192.0.2.1"},
		{Method: "GET", Route: "/apis/execute.php", Status: 400, Code: "undeclared_parameters", Message: "this flow declares no such parameters: foo", Flow: "69", Key: apitest.KeyID, IP: "192.0.2.1"},
	}
	if diff := cmp.Diff(want, kept.all, cmpopts.IgnoreFields(rejectlog.Rejection{}, "RequestID", "Explain")); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

func TestAKeyThatIsNoneIsNotKept(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"abc-1.2_Z": "abc-1.2_Z", "a secret?": "", strings.Repeat("x", 65): "", "é": "",
	} {
		if got := api.KeyOf(name); got != want {
			t.Errorf("%q is kept as %q, want %q", name, got, want)
		}
	}
}

func TestAWrongCheckIsExplainedLater(t *testing.T) {
	t.Parallel()
	kept := &rejections{}
	o := newAuthAPI(t, func(c *api.Config) { c.RejectLog = kept })
	body := "{\"a\": 1,\n \"b\": 2}"
	params := map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000"}
	sum := md5.Sum([]byte("69|" + apitest.KeyID + "|" + params["ts"] + "|" + body + "|" + apitest.KeySecret)) // the line break is signed: a common mistake
	o.Call(apitest.Call{Body: body, Check: hex.EncodeToString(sum[:])})
	if len(kept.all) != 1 || kept.all[0].Explain == nil {
		t.Fatalf("kept %+v", kept.all)
	}
	findings := strings.Join(kept.all[0].Explain(t.Context()), "; ")
	if !strings.Contains(findings, "as it was sent") {
		t.Errorf("findings %q, want the mistake in them", findings)
	}
	if strings.Contains(findings, apitest.KeySecret) {
		t.Error("the secret is among the findings")
	}
}
