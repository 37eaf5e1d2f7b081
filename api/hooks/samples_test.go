package hooks_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/flows"
)

// samples has a directory with sample payloads for each sender.
const samples = "../../../shared/data/suites/webhooks"

const sampleSecret = "a secret of 27 characters.."

// sampleSenders says how each sender is verified, and signs as it does. Those without a signature send a token or password.
var sampleSenders = map[string]struct {
	verify string
	sign   func(body string) []string
}{
	"azuredevops": {"scheme: azure-devops, user: devops", func(string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("devops:"+sampleSecret))}
	}},
	"bitbucket":        {"scheme: bitbucket", signHex("X-Hub-Signature", "sha256=")},
	"bitbucket-server": {"scheme: bitbucket-server", signHex("X-Hub-Signature", "sha256=")},
	"docker":           {"scheme: docker-hub", func(string) []string { return nil }},
	"gitea":            {"scheme: gitea", signHex("X-Gitea-Signature", "")},
	"github":           {"scheme: github", signHex("X-Hub-Signature-256", "sha256=")},
	"gitlab":           {"scheme: gitlab", func(string) []string { return []string{"X-Gitlab-Token", sampleSecret} }},
	"gogs":             {"scheme: gogs", signHex("X-Gogs-Signature", "")},
	"shopify": {"scheme: shopify", func(body string) []string {
		return []string{"X-Shopify-Hmac-Sha256", base64Of(apitest.HexMAC(sampleSecret, body))}
	}},
	"slack": {"scheme: slack", func(body string) []string {
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		return []string{"X-Slack-Request-Timestamp", ts, "X-Slack-Signature", "v0=" + apitest.HexMAC(sampleSecret, "v0:"+ts+":"+body)}
	}},
	"stripe": {"scheme: stripe", func(body string) []string {
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		return []string{"Stripe-Signature", "t=" + ts + ",v1=" + apitest.HexMAC(sampleSecret, ts+"."+body)}
	}},
}

func signHex(header, prefix string) func(string) []string {
	return func(body string) []string { return []string{header, prefix + apitest.HexMAC(sampleSecret, body)} }
}

// encoded returns a sample as its sender sends it: Slack sends commands as a form and interactions in one, GitHub can, too.
func encoded(sender, file, text string, n int) (contentType, body string) {
	const form = "application/x-www-form-urlencoded"
	switch {
	case sender == "slack" && strings.HasPrefix(file, "slash-commands"):
		var fields map[string]string
		if json.Unmarshal([]byte(text), &fields) == nil {
			values := url.Values{}
			for name, value := range fields {
				values.Set(name, value)
			}
			return form, values.Encode()
		}
	case sender == "slack" && !strings.HasPrefix(file, "events"), sender == "github" && n%2 == 1:
		return form, url.Values{"payload": {text}}.Encode()
	}
	return "application/json", text
}

// The payloads of each sender, signed as it signs, come out of a flow as they went in.
func TestSamplesComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(samples); err != nil {
		t.Skip("the samples are not here")
	}
	p := apitest.NewProduct(t)
	p.Secret("hook", sampleSecret)
	number, seen := 0, 0
	for sender, s := range sampleSenders {
		number++
		p.Deploy(number, "slug: "+sender+"\ntrigger: {webhook: {headers: [x-sample], idempotency_key: '${ $headers[\"x-sample\"] }', verify: {secret: hook, "+s.verify+"}}}\nsteps: [{transform: '{event: .}'}]")
		files, err := filepath.Glob(filepath.Join(samples, sender, "*.json"))
		apitest.Fatal(t, err)
		for i, file := range files {
			text, err := os.ReadFile(file)
			apitest.Fatal(t, err)
			contentType, body := encoded(sender, filepath.Base(file), string(text), i)
			header := append(s.sign(body), "Content-Type", contentType, "X-Sample", filepath.Base(file))
			r := p.Do("POST", "/hooks/"+sender+"?token="+url.QueryEscape(sampleSecret), "", body, header...)
			if want, got := canonical(t, text), outputOf(t, r); got != `[{"event":`+want+`}]` {
				t.Errorf("%s: %d (-want +got)\n%s", file, r.StatusCode, cmp.Diff(want, got))
			}
			seen++
		}
	}
	if all, _ := filepath.Glob(samples + "/*/*.json"); seen != len(all) || seen < 350 {
		t.Errorf("%d samples of %d", seen, len(all))
	}
}

// base64Of returns hexadecimal digits as base64.
func base64Of(digits string) string {
	raw, _ := hex.DecodeString(digits)
	return base64.StdEncoding.EncodeToString(raw)
}

func canonical(t *testing.T, text []byte) string {
	t.Helper()
	v, err := flows.DecodeJSON(text)
	apitest.Fatal(t, err)
	return string(flows.EncodeJSON(v))
}

// outputOf returns the output of a run, canonically; its text if there is none.
func outputOf(t *testing.T, r apitest.Reply) string {
	t.Helper()
	var answer struct{ Output json.RawMessage }
	if json.Unmarshal([]byte(r.Text), &answer) != nil || answer.Output == nil {
		return fmt.Sprintf("%.300s", r.Text)
	}
	return canonical(t, answer.Output)
}

// One slash at the end of the path is ignored, and HEAD is answered with 200 for every name.
func TestOtherSpellingsAndHEAD(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	p.Want(p.GitHub("/hooks/7/", `{}`, "d-1"), 200)
	p.Want(p.GitHub("/hooks/hooked/?debug=1", `{}`, "d-2"), 200)
	p.Want(p.GitHub("/hooks/7//", `{}`, "d-3"), 404)
	p.Want(p.GitHub("/hooks/", `{}`, "d-4"), 404)
	for _, path := range []string{"/hooks/7", "/hooks/hooked/", "/hooks/none"} {
		if r := p.Do("HEAD", path, "", ""); r.StatusCode != 200 || r.Text != "" || r.Header.Get("Penstock-Run-Id") != "" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.Text)
		}
	}
}
