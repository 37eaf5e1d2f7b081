package httpstep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// planted are the secrets of a test.
type planted map[string]string

func (p planted) Secret(_ context.Context, name string) (string, error) {
	if secret, ok := p[name]; ok {
		return secret, nil
	}
	return "", errors.New("there is no secret " + name)
}

// echoAll answers with all of the request: as JSON, as text, or as a failure.
func echoAll(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Echo", r.Header.Get("X-Key"))
	seen := map[string]any{"key": r.Header.Get("X-Key"), "auth": r.Header.Get("Authorization"), "query": r.URL.RawQuery, "body": string(body)}
	switch r.URL.Path {
	case "/fail":
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, strings.Repeat("x", 192), " ", seen["key"], seen)
	case "/text":
		fmt.Fprint(w, seen)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(seen)
	}
}

func TestSecretIsSentAndMasked(t *testing.T) {
	t.Parallel()
	var sent []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = append(sent, r.Header.Get("X-Key")+" "+r.Header.Get("Authorization")+" "+r.URL.RawQuery+" "+string(body))
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		echoAll(w, r)
	})
	env := flows.Env{HTTP: way(t), Secrets: planted{"key": `hunter22 & "co"`, "pin": "1234"}}
	const headers = `headers: {x-key: '${ secret("key") }', authorization: 'Basic ${ "me:" + secret("key") | @base64 }'}`
	const body = `post: '${ $vars.api }/PATH', query: {k: '${ secret("key") }', pin: '${ secret("pin") }'}, json: {deep: ['a ${ secret("key") }']}`
	for _, path := range []string{"json", "text", "fail"} {
		step := "http: {" + strings.Replace(body, "PATH", path, 1) + ", " + headers + "}"
		items, err := execute(t.Context(), step, server.URL, nil, env)
		told := fmt.Sprint(items, err)
		for _, part := range []string{"hunter", `co\"`, "co%22", "aHVudGVy", "bWU6"} {
			if strings.Contains(told, part) {
				t.Errorf("%s: %q in %s", path, part, told)
			}
		}
		if !strings.Contains(told, "***") || path != "fail" && !strings.Contains(told, "pin=1234") {
			t.Errorf("%s: nothing is masked, or a text that is too short: %s", path, told)
		}
	}
	want := `hunter22 & "co" Basic bWU6aHVudGVyMjIgJiAiY28i k=hunter22+%26+%22co%22&pin=1234 {"deep":["a hunter22 & \"co\""]}`
	if len(sent) != 3 || sent[0] != want {
		t.Errorf("sent %q\nwant %q", sent, want)
	}
}

func TestSecretsThatFail(t *testing.T) {
	t.Parallel()
	env := flows.Env{HTTP: way(t), Secrets: planted{"key": "hunter22"}}
	for expression, want := range map[string]string{
		`secret("none")`:           "there is no secret none",
		`secret("key") | tonumber`: `secret("key") | tonumber: fails; the reason is not shown`,
		`secret("key") | error`:    "the reason is not shown",
	} {
		_, err := execute(t.Context(), `http: {get: 'http://127.0.0.1:1', headers: {x: '${ `+expression+` }'}}`, "", nil, env)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v, want %q", expression, err, want)
		}
	}
	_, err := execute(t.Context(), `http: {get: 'http://127.0.0.1:1', headers: {x: '${ secret("key") }'}}`, "", nil, flows.Env{HTTP: way(t)})
	if err == nil || !strings.Contains(err.Error(), `there is no secret "key"`) {
		t.Errorf("without secrets: %v", err)
	}
}

func TestSecretsAreUses(t *testing.T) {
	t.Parallel()
	flow, err := parseHTTP(`http: {get: 'https://h', headers: '${ {a: secret("one"), b: (def secret(f): f; secret("mine"))} }', query: {q: '${ secret("two") }'}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range flow.Uses() {
		if u.Resource == flows.ResourceSecret {
			names = append(names, u.Name)
		}
	}
	if got := strings.Join(names, ", "); got != "one, two" {
		t.Errorf("uses %s", got)
	}
}
