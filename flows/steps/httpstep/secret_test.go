package httpstep

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
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

// Bytes are masked before they are encoded in base64.
func TestSecretsInBytesAreMasked(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		fmt.Fprint(w, "\xffpre ", r.Header.Get("X-Key"), " post")
	})
	env := flows.Env{HTTP: way(t), Secrets: planted{"key": "hunter22"}}
	for _, parse := range []string{"bytes", "auto"} {
		items, err := execute(t.Context(), `http: {get: '${ $vars.api }', headers: {x-key: '${ secret("key") }'}, parse: `+parse+`}`, server.URL, nil, env)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := base64.StdEncoding.DecodeString(items[0].(object)["body"].(string))
		if string(got) != "\xffpre *** post" {
			t.Errorf("%s: %q", parse, got)
		}
	}
}

func TestSecretsStayAtTheirOrigin(t *testing.T) {
	t.Parallel()
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, " agent=", r.UserAgent() == "mine", " language=", r.Header.Get("Accept-Language") != "", " type=", r.Header.Get("Content-Type"), " body=", string(body))
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		http.Redirect(w, r, other.URL, status)
	})
	env := flows.Env{HTTP: way(t), Secrets: planted{"key": "hunter22"}}
	const headers = `follow_redirects: 1, headers: {accept-language: 'x-${ secret("key") }', user-agent: mine}`
	for step, want := range map[string]string{
		`307', json: {a: 1}`:                                        `POST agent=true language=false type=application/json body={"a":1}`,
		`303', json: {a: '${ secret("key") }'}`:                     "GET agent=true language=false type= body=",
		`307', json: {a: '${ secret("key") }'}`:                     "with a secret in the body",
		`308', raw: 'a ${ secret("key") | @base64 }'`:               "with a secret in the body",
		`307', multipart: [{name: k, value: '${ secret("key") }'}]`: "with a secret in the body",
	} {
		items, err := execute(t.Context(), `http: {post: '${ $vars.api }/`+step+`, `+headers+`}`, server.URL, nil, env)
		if told := fmt.Sprint(items, err); !strings.Contains(told, want) {
			t.Errorf("%s: %s, want %s", step, told, want)
		}
	}
}
