package hooks_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/sender"
)

// snsKeys has one certificate, and remembers which URLs were called.
type snsKeys struct {
	certificate string

	mu      sync.Mutex // guards visited and away
	visited []string
	away    bool
}

const certificateURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"

func (k *snsKeys) Document(_ context.Context, url string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away || url != certificateURL {
		return nil, sender.ErrKeys
	}
	return []byte(k.certificate), nil
}

func (k *snsKeys) Visit(_ context.Context, url string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.visited = append(k.visited, url)
	return nil
}

func (k *snsKeys) calls() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.visited)
}

// snsMessage returns a message that SNS signs with version 2.
func snsMessage(t *testing.T, key *rsa.PrivateKey, kind, topic string, more map[string]string) string {
	t.Helper()
	m := map[string]string{
		"Type": kind, "MessageId": "m-" + kind + topic, "TopicArn": topic, "Message": "hello", "Timestamp": time.Now().UTC().Format(time.RFC3339Nano),
		"SignatureVersion": "2", "SigningCertURL": certificateURL,
	}
	for name, value := range more {
		m[name] = value
	}
	text := ""
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if value, ok := m[name]; ok {
			text += name + "\n" + value + "\n"
		}
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	apitest.Fatal(t, err)
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(m)
	apitest.Fatal(t, err)
	return string(body)
}

// A subscription of SNS is confirmed only for a message that SNS signed for the flow's topic.
func TestSNSIsConfirmedAndDelivers(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	apitest.Fatal(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	apitest.Fatal(t, err)
	keys := &snsKeys{certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	p := apitest.NewProduct(t, func(c *api.Config) { c.HookKeys = keys })
	p.Deploy(7, "slug: sns\ntrigger: {webhook: {verify: {scheme: sns, expect: {'member:TopicArn': 'arn:aws:sns:eu-west-1:1:mine'}}}}\nsteps: [{transform: .Message}]")
	const mine, other = "arn:aws:sns:eu-west-1:1:mine", "arn:aws:sns:eu-west-1:2:other"
	confirm := map[string]string{"SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription", "Token": "t"}
	send := func(body string) apitest.Reply {
		return p.Do("POST", "/hooks/sns", "", body, "Content-Type", "text/plain; charset=UTF-8")
	}
	p.Want(send(snsMessage(t, private, "SubscriptionConfirmation", other, confirm)), 401)
	p.Want(send(strings.Replace(snsMessage(t, private, "SubscriptionConfirmation", mine, confirm), "Token\":\"t", "Token\":\"u", 1)), 401)
	if calls := keys.calls(); len(calls) > 0 {
		t.Errorf("unproved messages had %q called", calls)
	}
	p.Want(send(snsMessage(t, private, "SubscriptionConfirmation", mine, map[string]string{"SubscribeURL": "https://evil.example/", "Token": "t"})), 400)
	if r := send(snsMessage(t, private, "SubscriptionConfirmation", mine, confirm)); r.StatusCode != 200 || r.Text != "ok" {
		t.Errorf("confirm: %d %s", r.StatusCode, r.Text)
	}
	if calls := keys.calls(); len(calls) != 1 || calls[0] != confirm["SubscribeURL"] {
		t.Errorf("%q were called", calls)
	}
	if r := send(snsMessage(t, private, "Notification", mine, nil)); r.StatusCode != 200 || !strings.Contains(r.Text, `"output":["hello"]`) {
		t.Errorf("notification: %d %s", r.StatusCode, r.Text)
	}
	keys.mu.Lock()
	keys.away = true
	keys.mu.Unlock()
	r := send(snsMessage(t, private, "Notification", mine, nil))
	if p.Want(r, 503); r.Header.Get("Retry-After") == "" {
		t.Error("the sender is not told to try again")
	}
}

// Questions are answered at the door: they make no run.
func TestQuestionsMakeNoRun(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "a secret of 27 characters..")
	deploy := func(number int, scheme string) {
		p.Deploy(number, fmt.Sprintf("slug: %s\ntrigger: {webhook: {verify: {scheme: %s, secret: hook}}}\nsteps: [{transform: .}]", scheme, scheme))
	}
	for i, scheme := range []string{"zoom", "dropbox", "x", "okta", "microsoft-graph", "cloudevents"} {
		deploy(i+1, scheme)
	}
	ts := fmt.Sprint(time.Now().Unix())
	question := `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`
	zoom := apitest.HexMAC("a secret of 27 characters..", "v0:"+ts+":"+question)
	for name, c := range map[string]struct {
		r      apitest.Reply
		status int
		text   string
	}{
		"zoom":               {p.Do("POST", "/hooks/zoom", "", question, "X-Zm-Signature", "v0="+zoom, "X-Zm-Request-Timestamp", ts), 200, `"encryptedToken":"` + apitest.HexMAC("a secret of 27 characters..", "abc")},
		"zoom, unsigned":     {p.Do("POST", "/hooks/zoom", "", question), 401, ""},
		"dropbox":            {p.Do("GET", "/hooks/dropbox?challenge=c1", "", ""), 200, "c1"},
		"dropbox, no text":   {p.Do("GET", "/hooks/dropbox", "", ""), 401, ""},
		"dropbox, markup":    {p.Do("GET", "/hooks/dropbox?challenge=%3Cb%3E", "", ""), 400, "bad_challenge"},
		"x":                  {p.Do("GET", "/hooks/x?crc_token=c1", "", ""), 200, `{"response_token":"sha256=`},
		"okta":               {p.Do("GET", "/hooks/okta", "", "", "X-Okta-Verification-Challenge", "c1", "Authorization", "a secret of 27 characters.."), 200, `{"verification":"c1"}`},
		"okta, unproved":     {p.Do("GET", "/hooks/okta", "", "", "X-Okta-Verification-Challenge", "c1"), 401, ""},
		"graph":              {p.Do("POST", "/hooks/microsoft-graph?validationToken=a+b", "", ""), 200, "a b"},
		"cloudevents":        {p.Do("OPTIONS", "/hooks/cloudevents", "", "", "WebHook-Request-Origin", "x.example"), 200, ""},
		"no such flow":       {p.Do("OPTIONS", "/hooks/none", "", "", "WebHook-Request-Origin", "x.example"), 204, ""},
		"okta, no question":  {p.Do("GET", "/hooks/okta", "", "", "Authorization", "a secret of 27 characters.."), 401, ""},
		"another's question": {p.Do("GET", "/hooks/zoom?challenge=c1", "", ""), 401, ""},
	} {
		if c.r.StatusCode != c.status || !strings.Contains(c.r.Text, c.text) || c.r.Header.Get("Penstock-Run-Id") != "" {
			t.Errorf("%s: %d %s", name, c.r.StatusCode, c.r.Text)
		}
		if c.status == 200 && c.r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: a browser may guess its type", name)
		}
	}
}

// A flow describes a sender that the catalogue does not have, with a question of its own.
func TestASenderOfTheFlowsOwn(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "a secret of 27 characters..")
	p.Deploy(7, `slug: own
trigger:
  webhook:
    methods: [POST, GET]
    verify:
      scheme: hmac
      secret: hook
      header: X-Acme-Signature
      format: time={timestamp};sig={signature}
      signed: "{method}\n{path}\n{timestamp}\n{body}"
      id: "{member:delivery.id}"
      challenge:
        - {when: "{member:hello}", json: {answer: "{hmac:member:hello}", version: 2}}
steps: [{transform: "{event: .}"}]`)
	send := func(method, path, body string) apitest.Reply {
		ts := fmt.Sprint(time.Now().Unix())
		return p.Do(method, path, "", body, "X-Acme-Signature", "time="+ts+";sig="+apitest.HexMAC("a secret of 27 characters..", method+"\n/hooks/own?a=1\n"+ts+"\n"+body))
	}
	first := send("POST", "/hooks/own?a=1", `{"delivery":{"id":"d-1"}}`)
	if p.Want(first, 200); !strings.Contains(first.Text, `"event":{"delivery":{"id":"d-1"}}`) {
		t.Errorf("delivery: %s", first.Text)
	}
	if again := send("POST", "/hooks/own?a=1", `{"delivery":{"id":"d-1"}}`); again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same delivery again: %s", again.Text)
	}
	if r := send("GET", "/hooks/own?a=1", ""); r.StatusCode != 200 || !strings.Contains(r.Text, `"event":{"a":"1"}`) {
		t.Errorf("GET: %d %s", r.StatusCode, r.Text)
	}
	if r := send("POST", "/hooks/own?a=1", `{"hello":"abc"}`); r.Text != `{"answer":"`+apitest.HexMAC("a secret of 27 characters..", "abc")+`","version":2}` {
		t.Errorf("question: %d %s", r.StatusCode, r.Text)
	}
	p.Want(send("POST", "/hooks/own?a=2", `{}`), 401)
	const odd = "/hooks/own?a=50%&b=x;y&c=%zz%41&&d"
	ts := fmt.Sprint(time.Now().Unix())
	if r := p.Do("GET", odd, "", "", "X-Acme-Signature", "time="+ts+";sig="+apitest.HexMAC("a secret of 27 characters..", "GET\n"+odd+"\n"+ts+"\n")); r.StatusCode != 200 || !strings.Contains(r.Text, `"event":{"a":"50%","b":"x;y","c":"%zzA","d":""}`) {
		t.Errorf("a query as browsers write it: %d %s", r.StatusCode, r.Text)
	}
	p.Want(p.Do("GET", "/hooks/own?a=1", "", ""), 401)
}
