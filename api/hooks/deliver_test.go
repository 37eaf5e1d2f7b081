package hooks_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/queue"
)

func TestHookRunsAFlowAndAnswersWithItsResult(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", "params: [debug],"))
	r := p.GitHub("/hooks/7?debug=1&other=2", `{"n": 12345678901234567890}`, "d-1")
	p.Want(r, 200)
	id := r.Header.Get("Penstock-Run-Id")
	if want := `{"success":true,"run_id":"` + id + `","output":[{"event":{"n":12345678901234567890},"run":"hook:7"}]}`; r.Text != want {
		t.Errorf("%s, want %s", r.Text, want)
	}
	again := p.GitHub("/hooks/hooked", `{"n": 12345678901234567890}`, "d-1")
	if again.Text != r.Text || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same delivery again: %s %v", again.Text, again.Header)
	}
	if other := p.GitHub("/hooks/7", `{"n": 12345678901234567890}`, "d-2"); other.Header.Get("Penstock-Run-Id") == id {
		t.Error("another delivery is the same run")
	}
	form := p.GitHub("/hooks/7", "payload=%7B%22a%22%3A1%7D", "d-3", "Content-Type", "application/x-www-form-urlencoded")
	if !strings.Contains(form.Text, `"event":{"a":1}`) {
		t.Errorf("a form: %s", form.Text)
	}
	p.Want(p.GitHub("/hooks/7", `{"a":1,"a":2}`, "d-4"), 400)
	p.Want(p.GitHub("/hooks/7", "<a>1</a>", "d-5", "Content-Type", "text/xml"), 200)
	p.Want(p.GitHub("/hooks/7", "<a>", "d-5b", "Content-Type", "text/xml"), 400)
	p.Want(p.GitHub("/hooks/7?debug=%ff", "{}", "d-5c"), 400)
	p.Want(p.GitHub("/hooks/7?debug=1&debug=2", `{}`, "d-6"), 400)
	p.Want(p.GitHub("/hooks/7", `{}`, "d-7", "Content-Encoding", "gzip"), 400)
	p.Want(p.GitHub("/hooks/7", `{}`, "d-8", "Content-Encoding", "compress"), 415)
}

func TestAFailedCheckMakesNoRunAndSaysNothing(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	p.Deploy(8, strings.NewReplacer("secret: hook", "secret: gone", "hooked", "unready").Replace(apitest.HookFlow("scheme: github", "")))
	detail := ""
	for name, r := range map[string]apitest.Reply{
		"unknown flow":     p.GitHub("/hooks/99", `{}`, "d"),
		"no verify":        p.GitHub("/hooks/1", `{}`, "d"),
		"no such secret":   p.GitHub("/hooks/8", `{}`, "d"),
		"another body":     p.Do("POST", "/hooks/7", "", `{"a":1}`, "X-Hub-Signature-256", "sha256="+apitest.HexMAC("s3", `{}`)),
		"another secret":   p.Do("POST", "/hooks/7", "", `{}`, "X-Hub-Signature-256", "sha256="+apitest.HexMAC("s4", `{}`)),
		"no signature":     p.Do("POST", "/hooks/7", "", `{}`),
		"bad JSON, signed": p.Do("POST", "/hooks/7", "", `{`, "X-Hub-Signature-256", "sha256="+apitest.HexMAC("s4", `{`)),
		"another's login":  p.Do("POST", "/hooks/7", "ann", `{}`),
	} {
		problem := p.Want(r, 401)
		if detail == "" {
			detail = problem["detail"].(string)
		}
		if problem["detail"] != detail || r.Header.Get("WWW-Authenticate") == "" || r.Header.Get("Penstock-Run-Id") != "" {
			t.Errorf("%s: %v %v", name, problem, r.Header)
		}
	}
	if runs := p.Want(p.Do("GET", "/v1/runs", "ann", ""), 200); runs["total"] != 0.0 {
		t.Errorf("runs %v", runs)
	}
}

func TestHookAck(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", "reply: ack,"))
	r := p.GitHub("/hooks/7", `{}`, "d-1")
	p.Want(r, 202)
	if r.Header.Get("Location") != "/v1/runs/"+r.Header.Get("Penstock-Run-Id") || r.Header.Get("Preference-Applied") != "" {
		t.Errorf("header %v", r.Header)
	}
	run := p.Want(p.Do("GET", r.Header.Get("Location")+"?wait=30", "vera", ""), 200)
	if run["state"] != "succeeded" || run["principal"] != "hook:7" {
		t.Errorf("run %v", run)
	}
}

// The run of a delivery that was answered with 202 is executed. A delivery for a flow with a full line is rejected,
// so that the sender repeats it.
func TestHookAckIsAPromise(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"slots": "", "concurrency limit": "run: {concurrency: 1}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := apitest.NewProductQueue(t, queue.Config{MaxPending: 4})
			p.Secret("hook", "s3")
			p.Deploy(7, head+strings.Replace(apitest.HookFlow("scheme: github", "reply: ack,"), "steps: [", "steps: [gate: {}, ", 1))
			var accepted []string
			var refused apitest.Reply
			for n := 0; refused.Response == nil && n < 2000; n++ {
				r := p.GitHub("/hooks/7", `{}`, fmt.Sprint("d-", n))
				if r.StatusCode == http.StatusAccepted {
					accepted = append(accepted, r.Header.Get("Location"))
				} else {
					refused = r
				}
			}
			p.Want(refused, 503)
			if after, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || after < 1 {
				t.Errorf("Retry-After %q", refused.Header.Get("Retry-After"))
			}
			close(p.Gate)
			go func() {
				for range p.At {
				}
			}()
			defer close(p.At)
			for _, run := range accepted {
				if got := p.Want(p.Do("GET", run+"?wait=30", "vera", ""), 200); got["state"] != "succeeded" {
					t.Errorf("a run that was accepted: %v", got)
				}
			}
		})
	}
}

func TestAFlowsOwnKeyWinsOverTheDeliverys(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", "idempotency_key: '${ .order }',"))
	one := p.GitHub("/hooks/7", `{"order":"1"}`, "d-1")
	two := p.GitHub("/hooks/7", `{"order":"1"}`, "d-2")
	three := p.GitHub("/hooks/7", `{"order":"2"}`, "d-2")
	id := func(r apitest.Reply) string { return r.Header.Get("Penstock-Run-Id") }
	if id(one) != id(two) || id(one) == id(three) {
		t.Errorf("runs %s, %s and %s", id(one), id(two), id(three))
	}
}

func TestADisabledFlowTakesNoDeliveries(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, "enabled: false\n"+apitest.HookFlow("scheme: github", ""))
	r := p.GitHub("/hooks/7", `{}`, "d-1")
	if problem := p.Want(r, 503); problem["code"] != "disabled" || r.Header.Get("Retry-After") != "60" {
		t.Errorf("%v %v", problem, r.Header)
	}
	p.Want(p.Do("POST", "/v1/flows/7/enable", "ann", ""), 200)
	p.Want(p.GitHub("/hooks/7", `{}`, "d-1"), 200)
}

func TestSlackHandshake(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: slack", ""))
	slack := func(body string) apitest.Reply {
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		return p.Do("POST", "/hooks/7", "", body, "X-Slack-Request-Timestamp", ts, "X-Slack-Signature", "v0="+apitest.HexMAC("s3", "v0:"+ts+":"+body))
	}
	r := slack(`{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`)
	if r.StatusCode != 200 || r.Text != "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s %v", r.StatusCode, r.Text, r.Header)
	}
	p.Want(slack(`{"type":"url_verification","challenge":"<script>"}`), 400)
	unsigned := p.Do("POST", "/hooks/7", "", `{"type":"url_verification","challenge":"x"}`)
	p.Want(unsigned, 401)
	p.Want(slack(`{"type":"event_callback","event_id":"Ev1"}`), 200)
}

func TestMetaHandshake(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Secret("meta", "verify-me")
	p.Deploy(7, apitest.HookFlow("scheme: github, verify_token: meta", ""))
	p.Deploy(8, strings.Replace(apitest.HookFlow("scheme: github", ""), "hooked", "plain", 1))
	r := p.Do("GET", "/hooks/7?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1158201444", "", "")
	if r.StatusCode != 200 || r.Text != "1158201444" {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
	for _, path := range []string{
		"/hooks/7?hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1", "/hooks/7?hub.mode=subscribe&hub.challenge=1", "/hooks/7",
		"/hooks/8?hub.mode=subscribe&hub.verify_token=&hub.challenge=1", "/hooks/9?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1",
	} {
		p.Want(p.Do("GET", path, "", ""), 401)
	}
}

func TestTwilioSignsTheIssuersURL(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: twilio", ""))
	p.Deploy(8, strings.Replace(apitest.HookFlow("scheme: twilio, url: 'https://other.example.org/in'", ""), "hooked", "other", 1))
	send := func(path, signedURL string) apitest.Reply {
		return p.Do("POST", path, "", "From=%2B1555&Body=hi", "Content-Type", "application/x-www-form-urlencoded",
			"X-Twilio-Signature", twilioMAC(signedURL+"BodyhiFrom+1555"))
	}
	if r := send("/hooks/7?a=b", apitest.Issuer+"/hooks/7?a=b"); !strings.Contains(r.Text, `"event":{"Body":"hi","From":"+1555"}`) {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
	p.Want(send("/hooks/8?a=b", "https://other.example.org/in?a=b"), 200)
	p.Want(send("/hooks/7", p.URL+"/hooks/7"), 401) // what the request says of its host is nothing
}

func twilioMAC(text string) string {
	m := hmac.New(sha1.New, []byte("s3"))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func TestHookBodyTooLarge(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t, func(c *api.Config) { c.MaxBody = 100 })
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	p.Want(p.GitHub("/hooks/7", fmt.Sprintf("%q", strings.Repeat("x", 200)), "d"), http.StatusRequestEntityTooLarge)
}

// A repeated delivery whose first run failed continues that run, without the effects that it has had, or starts a new one,
// as the flow says.
func TestADeliveryWhoseRunFailedComesAgain(t *testing.T) {
	t.Parallel()
	for _, does := range []string{"resume", "rerun"} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			repeatedDelivery(t, does)
		})
	}
}

func repeatedDelivery(t *testing.T, does string) {
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	deploy := func(last string) {
		p.Deploy(7, "trigger: {webhook: {reply: ack, on_redelivery: "+does+", verify: {secret: hook, scheme: github}}}\nsteps: [{gate: {}}, "+last+"]")
	}
	deliver := func() string { return p.GitHub("/hooks/7", `{}`, "d-1").Header.Get("Penstock-Run-Id") }
	ends := func(id, state string, gate bool) {
		t.Helper()
		if gate {
			<-p.At
			p.Gate <- struct{}{}
		}
		if run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=30", "vera", ""), 200); run["state"] != state {
			t.Fatalf("run %v, want %s", run, state)
		}
	}
	deploy("{fail: {message: broken}}")
	first := deliver()
	if active := deliver(); active != first {
		t.Errorf("while it runs: %s, want %s", active, first)
	}
	ends(first, "failed", true)
	deploy("{set: {mended: true}}")
	second := deliver()
	if active := deliver(); second == first || active != second {
		t.Errorf("after it failed: %s, then %s; it was %s", second, active, first)
	}
	ends(second, "succeeded", does == "rerun")
	run := p.Want(p.Do("GET", "/v1/runs/"+second, "vera", ""), 200)
	if from := run["resumed_from"]; does == "resume" && from != first || does == "rerun" && from != nil {
		t.Errorf("the second run continues %v", from)
	}
	if third := deliver(); third != second {
		t.Errorf("after it succeeded: %s, want %s", third, second)
	}
}
