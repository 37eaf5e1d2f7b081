package sender_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/sender"
)

// Each question of a sender of the catalogue gets its answer, and only with the proof that the sender gives.
func TestQuestionsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sender, method, url, body string
		headers                   map[string]string
		unproved                  bool
		token                     string // sent as the verify_token
		answer                    string
		header                    string // of the answer
		visit                     string
	}{
		"slack": {sender: "slack", body: `{"type":"url_verification","challenge":"3eZbrw1a"}`, answer: "3eZbrw1a"},
		"meta":  {sender: "meta", method: "GET", url: "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", token: "meatyhamhock", answer: "1158201444"},
		"zoom": {
			sender: "zoom", body: `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`,
			answer: `{"encryptedToken":"` + hexMAC(sha256.New, "qgg8vlvZRS6UYooatFL8Aw") + `","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`,
		},
		"x":               {sender: "x", method: "GET", url: "?crc_token=Ab_1-2", unproved: true, answer: `{"response_token":"sha256=` + b64MAC(sha256.New, "Ab_1-2") + `"}`},
		"twitch":          {sender: "twitch", headers: map[string]string{"Twitch-Eventsub-Message-Type": "webhook_callback_verification"}, body: `{"challenge":"pogchamp-kappa-360noscope"}`, answer: "pogchamp-kappa-360noscope"},
		"dropbox":         {sender: "dropbox", method: "GET", url: "?challenge=abc123", unproved: true, answer: "abc123"},
		"microsoft graph": {sender: "microsoft-graph", url: "?validationToken=Validation%3A+Testing+client+Request-Id%3A+1", unproved: true, answer: "Validation: Testing client Request-Id: 1"},
		"okta":            {sender: "okta", method: "GET", headers: map[string]string{"X-Okta-Verification-Challenge": "Me_rSh-K8"}, answer: `{"verification":"Me_rSh-K8"}`},
		"discord":         {sender: "discord", body: `{"type":1}`, answer: `{"type":1}`},
		"cloudevents":     {sender: "cloudevents", method: "OPTIONS", headers: map[string]string{"WebHook-Request-Origin": "eventemitter.example.com"}, unproved: true, header: "eventemitter.example.com"},
		"sns": {
			sender: "sns", body: `{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"}`,
			answer: "ok", visit: "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
		},
	} {
		s, err := sender.Compile(&sender.Spec{Scheme: c.sender, VerifyToken: c.token, Expect: map[string][]string{"member:TopicArn": {"x"}}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := &vector{Method: http.MethodPost, URL: "https://x.org/hooks/1" + c.url, Headers: c.headers, Body: c.body}
		if c.method != "" {
			v.Method = c.method
		}
		d := v.delivery(t)
		question := s.Challenge(d)
		if question == nil {
			t.Errorf("%s: it is no question", name)
			continue
		}
		if question.Unproved() != c.unproved || question.Proves(d, []string{c.token}) != (c.token != "") || question.Proves(d, []string{c.token + "x"}) {
			t.Errorf("%s: unproved %v, proved by %q %v", name, question.Unproved(), c.token, question.Proves(d, []string{c.token}))
		}
		answer, err := question.Answer(d, []string{keyText})
		if err != nil || string(answer.Body) != c.answer || answer.Visit != c.visit || answer.Header.Get("WebHook-Allowed-Origin") != c.header {
			t.Errorf("%s: %+v %v", name, answer, err)
		}
		if s.Challenge((&vector{Method: v.Method, URL: "https://x.org/hooks/1", Body: sentBody}).delivery(t)) != nil {
			t.Errorf("%s: a usual delivery is a question", name)
		}
	}
}

// A text with markup or quotes is not sent back, whoever asks, and only hosts of the sender are visited.
func TestTextsThatAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]*vector{
		"dropbox":         {Method: "GET", URL: "https://x.org/?challenge=%3Cscript%3E"},
		"microsoft-graph": {Method: "POST", URL: "https://x.org/?validationToken=a%22b"},
		"x":               {Method: "GET", URL: "https://x.org/?crc_token=%7B%22a%22%3A1%7D"},
		"cloudevents":     {Method: "OPTIONS", URL: "https://x.org/", Headers: map[string]string{"WebHook-Request-Origin": `"><b>`}},
		"okta":            {Method: "GET", URL: "https://x.org/", Headers: map[string]string{"X-Okta-Verification-Challenge": strings.Repeat("a", 513)}},
		"sns":             {Method: "POST", URL: "https://x.org/", Body: `{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.evil.example/"}`},
	} {
		s, err := sender.Compile(&sender.Spec{Scheme: name, Expect: map[string][]string{"member:TopicArn": {"x"}}})
		if err != nil {
			t.Fatal(name, err)
		}
		d := v.delivery(t)
		if answer, err := s.Challenge(d).Answer(d, []string{keyText}); err == nil {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
}

// The answer to X's question, which anybody may ask, proves no delivery.
func TestAnAnswerProvesNoDelivery(t *testing.T) {
	t.Parallel()
	s, err := sender.Compile(&sender.Spec{Scheme: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for body, fits := range map[string]bool{"123": false, "a=b": false, "abc": false, `{"a":1}`: true} {
		d := sentDelivery(t, map[string]string{"X-Twitter-Webhooks-Signature": "sha256=" + b64MAC(sha256.New, body)})
		d.Body = []byte(body)
		if err := s.Verify(t.Context(), d, []string{keyText}, nil); (err == nil) != fits {
			t.Errorf("%s: %v", body, err)
		}
	}
}
