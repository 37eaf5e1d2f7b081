package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/client"
)

func connect(t *testing.T, s *apitest.Server) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: s.URL + "/", Key: s.Key, Secret: s.Secret})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheckVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../auth/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Key, Secret string
		Vectors     []struct {
			Name   string
			Params map[string]string
			Body   string
			Check  string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		v.Params["key"] = file.Key
		v.Params["check"] = "left out"
		if got := client.Check(v.Params, []byte(v.Body), file.Secret); got != v.Check {
			t.Errorf("%s: %s, want %s", v.Name, got, v.Check)
		}
	}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	c := connect(t, apitest.Start(t))
	for name, tc := range map[string]struct {
		event  []byte
		params map[string]string
		want   string
	}{
		"GET":        {nil, map[string]string{"debug": "a&b +é"}, `[]`},
		"POST":       {[]byte(" {\"n\": 12345678901234567890.10,\n\"s\":\"é☃\"}\n"), nil, `[{"n": 12345678901234567890.10,"s":"é☃"}]`},
		"POST again": {[]byte(`"other"`), map[string]string{"debug": ""}, `["other"]`},
		"empty POST": {[]byte{}, nil, `[]`},
	} {
		run, err := c.Execute(t.Context(), "69", tc.event, tc.params)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(run.Output) != tc.want || run.ID == "" || run.State != "succeeded" {
			t.Errorf("%s: %+v with output %s, want %s", name, run, run.Output, tc.want)
		}
	}
}

func TestExecuteFails(t *testing.T) {
	t.Parallel()
	_, err := connect(t, apitest.Start(t)).Execute(t.Context(), "70", []byte(`{}`), nil)
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Status != 400 || failed.Message != "no such person" || failed.Run == "" || failed.RequestID == "" {
		t.Errorf("error %+v", err)
	}
}

func TestStartAndStatus(t *testing.T) {
	t.Parallel()
	c := connect(t, apitest.Start(t))
	q := client.Request{Flow: "69", Event: []byte(`{"a": 1}`), IdempotencyKey: `k "1" \`}
	first, err := c.Start(t.Context(), q)
	if err != nil || string(first.Output) != `[{"a": 1}]` || first.State != "succeeded" || first.Replayed {
		t.Fatalf("first: %+v, %v", first, err)
	}
	again, err := c.Start(t.Context(), q)
	if err != nil || !again.Replayed || again.ID != first.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	read, err := c.Status(t.Context(), first.ID, 0)
	if err != nil || read.State != "succeeded" || read.Flow != 69 || string(read.Output) != `[{"a": 1}]` || read.CreatedAt.IsZero() {
		t.Errorf("read: %+v, %v", read, err)
	}
	q.Event = []byte(`{"a":2}`)
	_, err = c.Start(t.Context(), q)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 422 || refused.Code != "idempotency_mismatch" {
		t.Errorf("other payload: %v", err)
	}
}

func TestStartWithoutWaiting(t *testing.T) {
	t.Parallel()
	c := connect(t, apitest.Start(t))
	for _, q := range []client.Request{{Flow: "71", Async: true}, {Flow: "71", Wait: time.Second}} {
		run, err := c.Start(t.Context(), q)
		if err != nil || run.ID == "" || run.State != "" {
			t.Fatalf("%+v: %+v, %v", q, run, err)
		}
		read, err := c.Status(t.Context(), run.ID, time.Second)
		if err != nil || read.State != "running" || read.Output != nil {
			t.Errorf("read: %+v, %v", read, err)
		}
	}
}

func TestStatusOfAFailedRun(t *testing.T) {
	t.Parallel()
	c := connect(t, apitest.Start(t))
	_, err := c.Start(t.Context(), client.Request{Flow: "70"})
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Status != 404 || failed.Code != "fail" || failed.Step != "fail" {
		t.Fatalf("error %+v", err)
	}
	run, err := c.Status(t.Context(), failed.Run, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := &client.Failure{Code: "fail", Message: "no such person", Step: "fail", Status: 404}
	if diff := cmp.Diff(want, run.Error); diff != "" {
		t.Error(diff)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer web.Close()
	for want, config := range map[string]client.Config{
		"Bearer t":          {Token: "t"},
		"Basic dTpwQHNz":    {User: "u", Password: "p@ss"},
		"" /* signed */ :    {Key: "k", Secret: "s"},
		"Bearer over a key": {Key: "k", Secret: "s", Token: "over a key"},
	} {
		config.URL = web.URL
		c, err := client.New(config)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Call(t.Context(), "POST", "/v1/flows", map[string]int{"a": 1}, nil)
		var refused *client.Error
		if !errors.As(err, &refused) || refused.RetryAfter != 7*time.Second {
			t.Errorf("error %v", err)
		}
		got := <-headers
		if got.Get("Authorization") != want || got.Get("Content-Type") != "application/json" {
			t.Errorf("header %v, want Authorization %q", got, want)
		}
		if signed := strings.HasPrefix(got.Get("Penstock-Signature"), "t=") && got.Get("Penstock-Key") == "k"; signed != (want == "") {
			t.Errorf("header %v, signed is %v", got, signed)
		}
	}
}

func TestErrorsKeepTheCheckValue(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(nil)
	web.Close()
	c, err := client.New(client.Config{URL: web.URL, Key: "k", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Execute(t.Context(), "69", nil, nil); err == nil || strings.Contains(err.Error(), "check=") {
		t.Errorf("error %v", err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, config := range []client.Config{
		{Key: "k"}, {URL: "localhost:8080", Key: "k"}, {URL: "ftp://h", Key: "k"}, {URL: "http://", Key: "k"}, {URL: "http://h"},
	} {
		if _, err := client.New(config); err == nil {
			t.Errorf("a client was made from %+v", config)
		}
	}
}
