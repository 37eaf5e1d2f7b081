package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/internal/testenv"
)

// The caller gets the address at once; whoever calls it lets the run go on,
// and what it keeps is there for other flows.
const approvalFlow = `flow: 501
slug: approval
trigger: webhook
steps:
  - wait_for:
      within: 1h
      steps: [{respond: {envelope: none, status: 202, json: {success: true, output: [{url: "${ .url }?approved=yes"}]}}}]
  - state: {set: decision, to: "${ . }", scope: shared}
  - call: count
`

const countFlow = `flow: 502
slug: count
steps:
  - state: {increment: count, scope: shared}
`

const readFlow = `flow: 503
slug: read
steps:
  - parallel:
      - steps: [{state: {get: decision, scope: shared}}]
      - steps: [{state: {get: count, scope: shared}}]
  - collect: '{decision: .[0], count: .[1]}'
  - script: item.seen = true; return item;
`

const connectedFlow = `flow: 504
slug: connected
trigger: {manual: {errors: detailed}}
steps: [{http: {get: "http://127.0.0.1:9", connection: nowhere}}]
`

// The caller gets the callback URL at once, a call of it continues the run, and other flows can read what the run
// stored.
func TestAnApproval(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]app.Settings{
		"on the embedded store": {Data: app.NoData},
		"on a real Redis":       {Data: app.NoData, Redis: testenv.Redis(t).URL()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings.Flows = t.TempDir()
			for i, source := range []string{approvalFlow, countFlow, readFlow, connectedFlow} {
				if err := os.WriteFile(filepath.Join(settings.Flows, string(rune('a'+i))+".yaml"), []byte(source), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			settings.APIKey, settings.APISecret = "durable-key", "durable-secret"
			dev := startDev(t, settings)
			status, a := call(t, dev.url, settings.APIKey, settings.APISecret, 501, `{"amount":5}`)
			if status != http.StatusAccepted || len(a.Output) != 1 {
				t.Fatalf("%d %+v", status, a)
			}
			link, _ := a.Output[0]["url"].(string)
			if page := request(t, http.MethodGet, link, ""); !strings.Contains(page, `name="approved" value="yes"`) {
				t.Errorf("the page of the link: %s", page)
			}
			address, _, _ := strings.Cut(link, "?")
			if said := request(t, http.MethodPost, address, `{"approved": true}`); said != `{"accepted":true}` {
				t.Errorf("called: %s", said)
			}
			testenv.Eventually(t, func() string {
				_, a := call(t, dev.url, settings.APIKey, settings.APISecret, 503, "")
				kept, err := json.Marshal(a.Output)
				if err != nil {
					t.Fatal(err)
				}
				if string(kept) == `[{"count":1,"decision":{"approved":true},"seen":true}]` {
					return ""
				}
				return "the run did not go on: " + string(kept)
			})
			if _, a := call(t, dev.url, settings.APIKey, settings.APISecret, 504, ""); !strings.Contains(a.Error.Msg, "nowhere") {
				t.Errorf("a connection that is not there: %+v", a)
			}
		})
	}
}

func request(t *testing.T, method, address, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: testTimeout}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
