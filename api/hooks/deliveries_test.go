package hooks_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
)

// deliveriesOf waits until a flow has n deliveries, and returns them, the newest first.
func deliveriesOf(t *testing.T, p *apitest.Product, flow string, n int) (all []map[string]any) {
	t.Helper()
	testenv.Eventually(t, func() string {
		page := p.Want(p.Do("GET", "/v1/flows/"+flow+"/deliveries", "vera", ""), 200)
		all = nil
		for _, item := range page["items"].([]any) {
			all = append(all, item.(map[string]any))
		}
		if len(all) == n {
			return ""
		}
		return fmt.Sprintf("%d deliveries, want %d: %v", len(all), n, all)
	})
	return all
}

// Accepted and rejected deliveries are listed with the reason, without their content.
func TestDeliveriesAreListed(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	run := p.Want(p.GitHub("/hooks/hooked", `{"n":1}`, "d-1"), 200)["run_id"]
	deliveriesOf(t, p, "7", 1)
	p.Want(p.Do("POST", "/hooks/7", "", `{"n":2}`, "X-Hub-Signature-256", "sha256="+apitest.HexMAC("s3", `{"n":1}`)), 401)
	deliveriesOf(t, p, "7", 2)
	p.Want(p.Do("POST", "/hooks/7", "", `{"n":2}`), 401)
	deliveriesOf(t, p, "7", 3)
	p.Want(p.GitHub("/hooks/7", `{`, "d-2"), 400)
	p.Want(p.Do("HEAD", "/hooks/7", "", ""), 200)
	p.Do("POST", "/hooks/8", "", `{}`) // no such flow
	all := deliveriesOf(t, p, "hooked", 4)
	want := []map[string]any{
		{"delivery": 4.0, "verdict": "rejected", "status": 400.0, "code": "bad_json"},
		{"delivery": 3.0, "verdict": "rejected", "status": 401.0, "code": "unauthorized", "findings": []any{map[string]any{"word": "header", "text": "the header X-Hub-Signature-256 is missing"}}},
		{"delivery": 2.0, "verdict": "rejected", "status": 401.0, "code": "unauthorized", "findings": []any{map[string]any{"word": "secret", "text": "the secret is another one, or what is signed was changed on its way"}}},
		{"delivery": 1.0, "verdict": "accepted", "status": 200.0, "run_id": run},
	}
	for i, w := range want {
		for name, value := range w {
			if fmt.Sprint(all[i][name]) != fmt.Sprint(value) {
				t.Errorf("delivery %v: %s is %v, want %v", all[i]["delivery"], name, all[i][name], value)
			}
		}
		if all[i]["recorded"] != false || all[i]["headers"] != nil || all[i]["method"] != "POST" || all[i]["size"] == 0.0 {
			t.Errorf("delivery %v", all[i])
		}
	}
	if one := p.Want(p.Do("GET", "/v1/flows/7/deliveries/1", "vera", ""), 200); one["headers"] != nil || one["body"] != nil {
		t.Errorf("content without a recording: %v", one)
	}
	p.Want(p.Do("GET", "/v1/flows/7/deliveries/99", "vera", ""), 404)
	p.Want(p.Do("GET", "/v1/flows/7/deliveries/x", "vera", ""), 404)
	p.Want(p.Do("POST", "/v1/flows/7/deliveries/1/redeliver", "otto", ""), 409)
	rejected := p.Want(p.Do("GET", "/v1/flows/7/deliveries?filter=verdict+eq+%22rejected%22&page_size=1", "vera", ""), 200)
	if rejected["total"] != 3.0 || len(rejected["items"].([]any)) != 1 {
		t.Errorf("filtered: %v", rejected)
	}
}

// What is wrong with the flow is said, too.
func TestDeliveriesSayWhatTheFlowLacks(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(7, strings.Replace(apitest.HookFlow("scheme: github", ""), "secret: hook", "secret: [gone, hook]", 1))
	p.GitHub("/hooks/1", `{}`, "d-1")
	p.Do("POST", "/hooks/7", "", `{}`, "X-Hub-Signature-256", "sha256="+apitest.HexMAC("s3\n", `{}`))
	if d := deliveriesOf(t, p, "1", 1)[0]; !strings.Contains(d["why"].(string), "no flow with that number or slug has trigger.webhook.verify") {
		t.Errorf("without verify: %v", d)
	}
	want := []any{map[string]any{"word": "secret", "secret": "gone", "text": "it is not stored"}, map[string]any{"word": "secret", "secret": "hook", "text": "the stored secret lacks a line end"}}
	if d := deliveriesOf(t, p, "7", 1)[0]; fmt.Sprint(d["findings"]) != fmt.Sprint(want) {
		t.Errorf("findings %v, want %v", d["findings"], want)
	}
}

// Neither one's own scopes nor those for another flow show deliveries.
func TestDeliveriesNeedAScope(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	p.GitHub("/hooks/7", `{"n":1}`, "d-1")
	deliveriesOf(t, p, "7", 1)
	for _, path := range []string{"GET /v1/flows/7/deliveries", "GET /v1/flows/7/deliveries/1", "GET /v1/flows/7/deliveries/events", "POST /v1/flows/7/deliveries/1/redeliver"} {
		method, path, _ := strings.Cut(path, " ")
		p.Want(p.Do(method, path, "", ""), 401)
		p.Want(p.Do(method, path, "ulf", ""), 404) // may see runs of his own
		if r := p.Do(method, path, "key-one", ""); r.StatusCode < 400 {
			t.Errorf("%s for a key: %d", path, r.StatusCode)
		}
	}
	for _, method := range []string{"PUT", "DELETE"} {
		p.Want(p.Do(method, "/v1/flows/7/recording", "vera", ""), 403)
		p.Want(p.Do(method, "/v1/flows/7/recording", "", ""), 401)
	}
	p.Want(p.Do("PUT", "/v1/flows/8/recording", "otto", ""), 404)
}

// A recorded delivery has its headers and body, but no secret, and looking at it is audited. The end of the recording
// deletes it.
func TestRecordedDeliveries(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3cr3t/of the hook")
	p.Deploy(7, apitest.HookFlow("scheme: token, param: key", "headers: [x-kind], params: [debug],"))
	for _, seconds := range []string{"0", "-1", "86401", `"x"`} {
		p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", `{"seconds":`+seconds+`}`), 400)
	}
	for _, requests := range []string{"0", "201", "-1"} {
		p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", `{"requests":`+requests+`}`), 400)
	}
	p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", `{"requests":3}`), 200)
	if r, err := p.Deliveries.Recorded(t.Context(), 7); err != nil || r.Rest != 3 {
		t.Errorf("a recording of three: %+v, %v", r, err)
	}
	until, err := time.Parse(time.RFC3339, p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", ""), 200)["until"].(string))
	if err != nil || time.Until(until).Round(time.Minute) != time.Hour {
		t.Fatalf("recorded until %v: %v", until, err)
	}
	p.Want(p.Do("POST", "/hooks/7?debug=1&key=s3cr3t%2fof+the+hook", "", `{"n": 1, "api_token": "tok-1", "copy": "s3cr3t\/of the hook"}`, "X-Kind", "a", "Cookie", "c=crumbs", "X-Note", "s3cr3t/of the hook"), 200)
	p.Want(p.Do("POST", "/hooks/7?key=guess", "", `{"n":2}`, "X-Kind", "b"), 401)
	deliveriesOf(t, p, "7", 2)
	if seen := p.Want(p.Do("GET", "/v1/flows/7/deliveries/1", "vera", ""), 200); seen["headers"] != nil || seen["body"] != nil || seen["recorded"] != true {
		t.Errorf("a viewer sees %v", seen)
	}
	one := p.Want(p.Do("GET", "/v1/flows/7/deliveries/1", "otto", ""), 200)
	headers := one["headers"].(map[string]any)
	if one["query"] != "debug=1&key=***" || one["body"] != `{"api_token":"***","copy":"***","n":1}` || one["masked"] != true ||
		fmt.Sprint(headers["X-Kind"], headers["X-Note"], headers["Cookie"]) != "[a] [***] [*** (8 bytes)]" {
		t.Errorf("%v", one)
	}
	if two := p.Want(p.Do("GET", "/v1/flows/7/deliveries/2", "otto", ""), 200); two["query"] != "key=***" || two["body"] != `{"n":2}` || two["masked"] != true {
		t.Errorf("a wrong token: %v", two)
	}
	audit := p.Want(p.Do("GET", "/v1/audit?filter=object+eq+%22flow:7/delivery:1%22", "ann", ""), 200)["items"].([]any)
	if len(audit) != 1 || audit[0].(map[string]any)["actor"] != "user:otto" {
		t.Errorf("audit log: %v", audit)
	}

	again := p.Want(p.Do("POST", "/v1/flows/7/deliveries/2/redeliver", "otto", ""), 200)
	if want := `[map[event:map[n:2] run:user:otto]]`; fmt.Sprint(again["output"]) != want {
		t.Errorf("redelivered: %v, want %s", again, want)
	}
	input := p.Want(p.Do("GET", "/v1/runs/"+again["run_id"].(string)+"/input", "vera", ""), 200)
	if fmt.Sprint(input["headers"]) != "map[x-kind:b]" {
		t.Errorf("input %v", input)
	}

	p.Want(p.Do("DELETE", "/v1/flows/7/recording", "otto", ""), 204)
	if one = p.Want(p.Do("GET", "/v1/flows/7/deliveries/1", "otto", ""), 200); one["headers"] != nil || one["recorded"] != false {
		t.Errorf("after the recording: %v", one)
	}
	p.Want(p.Do("POST", "/hooks/7?key=s3cr3t%2fof+the+hook", "", `{}`), 200)
	if all := deliveriesOf(t, p, "7", 3); all[0]["recorded"] != false {
		t.Errorf("recorded after the end: %v", all[0])
	}
}

// A listener gets the deliveries after the last that it knows, once each.
func TestListen(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	for n := range 3 {
		p.GitHub("/hooks/7", `{}`, fmt.Sprint("d-", n))
		deliveriesOf(t, p, "7", n+1)
	}
	listen := func(after string) (next func() string) {
		ctx, stop := context.WithCancel(t.Context())
		t.Cleanup(stop)
		r := p.Request("GET", "/v1/flows/7/deliveries/events", "vera", "")
		if after != "" {
			r.Header.Set("Last-Event-ID", after)
		}
		w, err := p.HTTP.Do(r.WithContext(ctx))
		if err != nil || w.StatusCode != http.StatusOK {
			t.Fatal(w, err)
		}
		t.Cleanup(func() { _ = w.Body.Close() })
		lines := bufio.NewScanner(w.Body)
		return func() string {
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					var d map[string]any
					apitest.Fatal(t, json.Unmarshal([]byte(data), &d))
					return fmt.Sprint(d["delivery"], d["verdict"])
				}
				if lines.Text() == ": still here" && after == "" {
					return ""
				}
			}
			return fmt.Sprint("the end: ", lines.Err())
		}
	}
	resumed := listen("1")
	if got := []string{resumed(), resumed()}; !slices.Equal(got, []string{"2accepted", "3accepted"}) {
		t.Errorf("after the first: %q", got)
	}
	fresh := listen("")
	fresh() // it listens
	p.GitHub("/hooks/7", `{}`, "d-3", "X-Hub-Signature-256", "sha256=00")
	for _, next := range []func() string{fresh, resumed} {
		if got := next(); got != "4rejected" {
			t.Errorf("a new delivery: %q", got)
		}
	}
}

// What was recorded of a flow is deleted with the flow.
func TestRecordingsEndWithTheFlow(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3cr3t")
	p.Deploy(7, apitest.HookFlow("scheme: token, header: X-Key", ""))
	p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", ""), 200)
	p.Want(p.Do("POST", "/hooks/7", "", `{"n":1}`, "X-Key", "s3cr3t"), 200)
	deliveriesOf(t, p, "7", 1)
	p.Want(p.Do("DELETE", "/v1/flows/7", "ann", ""), 204)
	if _, content, err := p.Deliveries.Find(t.Context(), 7, 1); err != nil || content != nil {
		t.Errorf("after the deletion: %v: %v", content, err)
	}
}

// No secret of a hook or a sender is in a key of Redis, whatever its scheme and the form of the body.
func TestRecordingsHaveNoSecret(t *testing.T) {
	t.Parallel()
	const secret, foreign = `se"cr<et/0 1&2é`, "Zm9yZWlnbg"
	p := apitest.NewProduct(t)
	p.Secret("hook", secret)
	verify := map[int]string{7: "scheme: token, header: X-Key", 8: "scheme: basic, user: ann", 9: "scheme: token, signature: '{member:a.b}'", 10: "scheme: github", 11: "scheme: meta, verify_token: hook"}
	for number, scheme := range verify {
		p.Deploy(number, strings.Replace(apitest.HookFlow(scheme, ""), "hooked", fmt.Sprint("hooked-", number), 1))
		_, err := p.Deliveries.Record(t.Context(), int64(number), time.Hour, 0)
		apitest.Fatal(t, err)
	}
	quoted, err := json.Marshal(secret)
	apitest.Fatal(t, err)
	inJSON := fmt.Sprintf(`{"a":{"b":%s},"list":[%s],"password":%q}`, quoted, strings.ReplaceAll(string(quoted), "/", `\/`), foreign)
	for number := range maps.Keys(verify) {
		path := fmt.Sprint("/hooks/", number)
		for _, body := range []struct{ kind, text string }{
			{"application/json", inJSON}, {"text/plain", "it is " + secret}, {"application/xml", "<a>se&#34;cr&lt;et/0 1&amp;2é</a>"},
			{"application/x-www-form-urlencoded", "token=" + foreign + "&note=se%22cr%3Cet%2f0+1%262%c3%a9&payload=%7B%22client_secret%22%3A%22" + foreign + "%22%7D"},
		} {
			p.Do("POST", path+"?hub.mode=subscribe&hub.verify_token=se%22cr%3Cet/0%201%262%C3%A9&access_token="+foreign, "", body.text, "Content-Type", body.kind, "X-Key", secret, "Authorization",
				"Bearer "+foreign, "X-Hub-Signature-256", "sha256="+apitest.HexMAC(secret, body.text), "X-Echo", secret, "Cookie", foreign)
		}
		r := p.Request("POST", path, "", inJSON)
		r.SetBasicAuth("ann", secret)
		p.Send(r)
		deliveriesOf(t, p, fmt.Sprint(number), 5)
		for n := 1; n <= 5; n++ {
			_, content, err := p.Deliveries.Find(t.Context(), int64(number), int64(n))
			if err != nil || content == nil {
				t.Fatalf("delivery %d of flow %d is not recorded: %v", n, number, err)
			}
			text := fmt.Sprint(*content)
			for _, s := range []string{secret, foreign, "et/0", "et%2f0", "2é", apitest.HexMAC(secret, inJSON), "YW5uOnNl"} {
				if strings.Contains(text, s) {
					t.Errorf("flow %d, delivery %d: %q is in %s", number, n, s, text)
				}
			}
		}
	}
}
