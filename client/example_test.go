package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/penstock/penstock/client"
)

// A program runs a flow with an access token and waits for its output. The server of this example only imitates the API.
func ExampleClient_Start() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, r.URL.Path, string(event))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"run_id":"r1","state":"succeeded","output":[{"message":"Hello, Ada"}]}`)
	}))
	defer server.Close()

	c, err := client.New(client.Config{URL: server.URL, Token: "pst_secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := c.Start(context.Background(), client.Request{Flow: "hello", Event: []byte(`{"name":"Ada"}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.State, string(run.Output))
	// Output:
	// POST /v1/flows/hello/runs {"name":"Ada"}
	// succeeded [{"message":"Hello, Ada"}]
}
