package generate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	_ "github.com/penstock/penstock/client/generate/testdata/hostile" // compiles
	"github.com/penstock/penstock/client/generate/testdata/shop"
	"github.com/penstock/penstock/internal/blob/blobtest"
	"github.com/penstock/penstock/store"
)

// shopServer is a product with the flows of the generated client, and a client for each kind of credentials.
func shopServer(t *testing.T) map[string]*shop.Client {
	t.Helper()
	p := apitest.NewProduct(t)
	for number, file := range map[int]string{610: "people.yaml", 611: "orders.yaml", 612: "files.yaml"} {
		text, err := os.ReadFile(flowsOfClients + file)
		apitest.Fatal(t, err)
		p.Deploy(number, regexp.MustCompile(`(?m)^flow: .*\n`).ReplaceAllString(string(text), ""))
	}
	p.Want(p.Do("PATCH", "/v1/users/ulf", "ann", `{"scopes":["people:read"]}`), 200)
	_, err := p.Store.Keys().Put(t.Context(), store.Key{Key: "key-one", Secret: "secret-of-key-one", APIAccess: true, Scopes: []string{"people:read"}})
	apitest.Fatal(t, err)
	made := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"shop","scopes":["people:read","flows:run"],"assertion_expires_on":"2100-01-01"}`), 201)
	id, _ := made["identifier"].(string)
	secret, _ := made["secret"].(string)
	all := map[string]*shop.Client{}
	for name, config := range map[string]shop.Config{
		"basic":  {User: "ulf", Password: apitest.Password},
		"key":    {Key: "key-one", Secret: "secret-of-key-one"},
		"client": {ClientID: id, ClientSecret: secret},
		"nobody": {},
	} {
		config.URL = p.URL + "/"
		all[name], err = shop.New(config)
		apitest.Fatal(t, err)
	}
	return all
}

// The generated Go client calls a server in each way.
func TestGoClientCalls(t *testing.T) {
	t.Parallel()
	clients := shopServer(t)
	for _, name := range []string{"basic", "key", "client"} {
		t.Run(name, func(t *testing.T) {
			page, err := clients[name].PeopleList(t.Context(), shop.PeopleListParams{State: shop.Ptr("CO"), Tags: []string{"a", "b"}, Words: []string{"a,b", "c,d"}, Filter: shop.Ptr("score ge 7"), OrderBy: shop.Ptr("name")})
			apitest.Fatal(t, err)
			if page.Total != 1 || page.Items[0].Name != "Ann" || *page.Items[0].State != "CO" || page.Items[0].Friends[0].ID != 2 {
				t.Errorf("page %+v", page)
			}
			one, err := clients[name].PeopleRead(t.Context(), shop.PeopleReadParams{ID: 7})
			if err != nil || one.ID != 7 {
				t.Errorf("read %+v, %v", one, err)
			}
			order, err := clients[name].OrdersTakeRun(t.Context(), shop.OrdersTakeRunParams{}, shop.OrdersTakeRunEvent{
				Order: []byte(`"A1"`), Lines: []shop.OrdersTakeRunEventLine{{SKU: "a"}, {SKU: "b", Count: shop.Ptr[int64](2)}},
			})
			if err != nil || order.Output[0].Lines != 2 || order.RunID == "" {
				t.Errorf("order %+v, %v", order, err)
			}
		})
	}
	if up, err := clients["nobody"].PeopleStatus(t.Context()); err != nil || len(up) != 1 {
		t.Errorf("status %v, %v", up, err)
	}
}

// Errors say what failed and where.
func TestGoClientErrors(t *testing.T) {
	t.Parallel()
	clients := shopServer(t)
	for name, tc := range map[string]struct {
		call func(context.Context) error
		want shop.Error
	}{
		"no such item": {func(ctx context.Context) error {
			_, err := clients["key"].PeopleRead(ctx, shop.PeopleReadParams{ID: 404})
			return err
		}, shop.Error{Status: 404, Code: "no_item"}},
		"a bad parameter": {func(ctx context.Context) error {
			_, err := clients["key"].PeopleRead(ctx, shop.PeopleReadParams{ID: -1})
			return err
		}, shop.Error{Status: 400, Code: "bad_parameter", Parameter: "id"}},
		"a run that fails": {func(ctx context.Context) error {
			_, err := clients["basic"].PeopleWrite(ctx, shop.PeopleWriteParams{ID: 7}, shop.PeopleWriteBody{Name: "taken"})
			return err
		}, shop.Error{Status: 409, Code: "fail", Step: "switch.3.switch.1.fail"}},
		"no credentials": {func(ctx context.Context) error {
			_, err := clients["nobody"].PeopleRead(ctx, shop.PeopleReadParams{ID: 1})
			return err
		}, shop.Error{Status: 401, Code: "unauthorized"}},
	} {
		var got *shop.Error
		if err := tc.call(t.Context()); !errors.As(err, &got) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Message == "" || got.RequestID == "" || (got.Run == "") != (name == "a bad parameter" || name == "no credentials") {
			t.Errorf("%s: %+v", name, got)
		}
		if diff := cmp.Diff(tc.want, shop.Error{Status: got.Status, Code: got.Code, Parameter: got.Parameter, Step: got.Step}, cmp.AllowUnexported(shop.Error{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A listing is read over its pages, as far as the program wants.
func TestGoClientPages(t *testing.T) {
	t.Parallel()
	clients := shopServer(t)
	all := clients["client"].PeopleListAll(t.Context(), shop.PeopleListParams{PageSize: shop.Ptr[int64](1), OrderBy: shop.Ptr("-name")})
	for _, most := range []int{10, 2} {
		var names []string
		for person, err := range all {
			apitest.Fatal(t, err)
			if names = append(names, person.Name); len(names) == most {
				break
			}
		}
		if got, want := strings.Join(names, " "), "Cid Bob Ann"; got != want[:min(len(want), most*4-1)] {
			t.Errorf("names %q", got)
		}
	}
	for _, err := range clients["nobody"].PeopleListAll(t.Context(), shop.PeopleListParams{}) {
		var refused *shop.Error
		if !errors.As(err, &refused) || refused.Status != 401 {
			t.Errorf("error %v", err)
		}
	}
}

// Calls with the same key are one run; without, each is one of its own.
func TestGoClientIdempotency(t *testing.T) {
	t.Parallel()
	c := shopServer(t)["key"]
	run := func(options ...shop.Option) string {
		order, err := c.OrdersTakeRun(t.Context(), shop.OrdersTakeRunParams{Source: shop.Ptr("a b&c")}, shop.OrdersTakeRunEvent{Order: []byte(`1`), Lines: []shop.OrdersTakeRunEventLine{{SKU: "a"}}}, options...)
		apitest.Fatal(t, err)
		return order.RunID
	}
	if a, b := run(shop.IdempotencyKey("order-1")), run(shop.IdempotencyKey("order-1")); a != b {
		t.Errorf("runs %s and %s", a, b)
	}
	if a, b := run(), run(); a == b {
		t.Errorf("both calls are run %s", a)
	}
}

// Files go to the server in a form or as a body, and come back as they were.
func TestGoClientFiles(t *testing.T) {
	t.Parallel()
	clients := shopServer(t)
	content := blobtest.Content(3 << 20)
	for _, name := range []string{"basic", "client"} {
		c := clients[name]
		document := shop.File{Content: bytes.NewReader(content), Name: "a.pdf", ContentType: "application/pdf"}
		got, err := c.DocumentsUpload(t.Context(), shop.DocumentsUploadBody{Title: "A", Pages: shop.Ptr[int64](2), Document: document, More: []shop.File{{Content: strings.NewReader("b")}, {Content: strings.NewReader("c")}}})
		apitest.Fatal(t, err)
		if got.Title != "A" || *got.Pages != 2 || got.Size != int64(len(content)) || got.Name != "a.pdf" || got.Type != "application/pdf" || got.More != 2 {
			t.Errorf("%s: %+v", name, got)
		}
		file, err := c.DocumentsEcho(t.Context(), shop.DocumentsEchoParams{ID: 7}, shop.File{Content: io.MultiReader(bytes.NewReader(content)), ContentType: "application/pdf"})
		apitest.Fatal(t, err)
		text, err := io.ReadAll(file.Body)
		apitest.Fatal(t, err)
		apitest.Fatal(t, file.Body.Close())
		if !bytes.Equal(text, content) || file.Header.Get("X-Id") != "7" || file.Header.Get("Content-Type") != "application/pdf" {
			t.Errorf("%s: %d bytes, %v", name, len(text), file.Header)
		}
	}
	c := clients["key"] // signs what it sends, which the server reads as a whole
	if got, err := c.DocumentsNoteForm(t.Context(), shop.Form{"text": "x", "n": 1}); err != nil || string(got.Got) != `{"n":1,"text":"x"}` {
		t.Errorf("%s, %v", got.Got, err)
	}
	if got, err := c.DocumentsNoteFile(t.Context(), shop.File{Content: io.MultiReader(strings.NewReader(`{"a":1}`)), ContentType: "application/json"}); err != nil || string(got.Got) != `{"a":1}` {
		t.Errorf("%s, %v", got.Got, err)
	}
	if _, err := c.DocumentsUpload(t.Context(), shop.DocumentsUploadBody{Title: "A"}); err == nil || !strings.Contains(err.Error(), "document has no Content") {
		t.Errorf("without the file: %v", err)
	}
}
