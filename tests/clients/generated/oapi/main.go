// Command oapi calls the operations of flows with the client that oapi-codegen generates into the package api.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"

	"penstock.example/oapi/api"
)

func main() {
	ctx := context.Background()
	client, err := api.NewClientWithResponses(os.Getenv("PENSTOCK_URL"), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("PENSTOCK_TOKEN"))
		return nil
	}))
	check(err)
	state, size := api.CO, 10
	list, err := client.PeopleListWithResponse(ctx, &api.PeopleListParams{State: &state, PageSize: &size})
	check(err)
	names := []string{}
	for _, person := range list.JSON200.Items {
		names = append(names, person.Name)
	}
	read, err := client.PeopleReadWithResponse(ctx, 7)
	check(err)
	missing, err := client.PeopleReadWithResponse(ctx, 404)
	check(err)
	written, err := client.PeopleWriteWithResponse(ctx, 7, nil, api.PeopleWriteBody{Name: "Zoë"})
	check(err)
	taken, err := client.PeopleWriteWithResponse(ctx, 7, nil, api.PeopleWriteBody{Name: "taken"})
	check(err)
	event := api.OrdersTakeRunEvent{Lines: []api.OrdersTakeRunEventLine{{Sku: "a"}, {Sku: "b"}}}
	check(event.Order.FromOrdersTakeRunEventOrder1("A1"))
	order, err := client.OrdersTakeRunWithResponse(ctx, nil, event)
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"names": names, "id": read.JSON200.Id, "missing": missing.ApplicationproblemJSON404.Code, "written": written.JSON200.Name,
		"taken": taken.StatusCode(), "lines": order.JSON200.Output[0].Lines,
	}))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
