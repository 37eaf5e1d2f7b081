package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/client"
)

// An interrupted stream is resumed after the last event, until the run has ended.
func TestWatchReadsOnWhereItWas(t *testing.T) {
	t.Parallel()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Last-Event-ID"))
		if len(asked) == 1 {
			fmt.Fprint(w, ": hello\n\nevent: state\ndata: {\"state\":\"running\"}\n\nid: 1.1\nevent: step\ndata: {\"step\":\ndata: \"a\"}\n\nevent: step\ndata: cut")
			return
		}
		fmt.Fprint(w, "id: 1.2\nevent: step\ndata: {\"step\":\"b\"}\n\nevent: state\ndata: {\"state\":\"failed\"}\n\n")
	}))
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = c.Watch(t.Context(), "r1", func(e client.Event) error {
		got = append(got, e.ID+" "+e.Kind+" "+string(e.Data))
		return nil
	})
	want := []string{` state {"state":"running"}`, "1.1 step {\"step\":\n\"a\"}", `1.2 step {"step":"b"}`, ` state {"state":"failed"}`}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("watch: %v, (-want +got):\n%s", err, diff)
	}
	if want := []string{"/v1/runs/r1/events ", "/v1/runs/r1/events 1.1"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// 204 says that the reader has received the end: the stream is not requested again.
func TestWatchEndsAt204(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			fmt.Fprint(w, "id: 1.1\nevent: step\ndata: {}\n\n")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Watch(t.Context(), "r1", func(client.Event) error { return nil }); err != nil || asked != 2 {
		t.Errorf("watch: %v, after %d requests", err, asked)
	}
}

func TestWatchTellsErrors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"detail":"no such run"}`)
	}))
	c, err := client.New(client.Config{URL: server.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	var answer *client.Error
	if err := c.Watch(t.Context(), "r1", nil); !errors.As(err, &answer) || answer.Status != http.StatusNotFound {
		t.Errorf("watch: %v", err)
	}
	server.Close()
	if err := c.Watch(t.Context(), "r1", nil); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("without a server: %v", err)
	}
	if _, err := c.Raw(t.Context(), http.MethodGet, "/v1/runs", nil); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("without a server: %v", err)
	}
}
