package api_test

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// Each path has one spelling; all others are not found.
func TestPathsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", "flow: 69\nslug: upsert\nname: Upsert\ntrigger: webhook\nsteps: [{set: {v: 1}}]\n", "Content-Type", "application/yaml"), 201)
	for path, want := range map[string]int{
		"/v1/runs":                    200,
		"/v1%2fruns":                  404,
		"/v1%2Fruns":                  404,
		"/v1/%72uns":                  404,
		"/%761/runs":                  404,
		"/v1//runs":                   404,
		"//v1/runs":                   404,
		"/v1/runs/":                   404,
		"/v1/./runs":                  404,
		"/v1/../v1/runs":              404,
		"/v1/%2e%2e/v1/runs":          404,
		"/v1/runs%00":                 404,
		"/v1/runs%0a":                 404,
		`/v1\runs`:                    404,
		"/v1%5cruns":                  404,
		"/V1/runs":                    404,
		"/v1/runs;a=b":                404,
		"/apis/execute%2ephp":         404,
		"/apis%2fexecute.php":         404,
		"/apis/execute.php/":          404,
		"/apis/execute.php%20":        404,
		"/apis/execute.php":           401,
		"/v1/flows/69":                200,
		"/v1/flows/upsert":            200,
		"/v1/flows/069":               404,
		"/v1/flows/%2b69":             404,
		"/v1/flows/+69":               404,
		"/v1/flows/-69":               404,
		"/v1/flows/6%39":              404,
		"/v1/flows/0":                 404,
		"/v1/flows/69.0":              404,
		"/v1/flows/69%20":             404,
		"/v1/flows/0x45":              404,
		"/v1/flows/6_9":               404,
		"/v1/flows/%D9%A6%D9%A9":      404, // Arabic digits
		"/v1/flows/UPSERT":            404,
		"/v1/flows/upsert.":           404,
		"/v1/flows/upsert%2fversions": 404,
		"/v1/users/ann":               200,
		"/v1/users/ANN":               404,
		"/v1/users/ann%2e":            404,
		"/healthz":                    200,
		"/health%7a":                  404,
	} {
		u, err := url.ParseRequestURI(path) // as net/http does
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL, r.RequestURI = u, path
		r.SetBasicAuth("ann", apitest.Password)
		w := httptest.NewRecorder()
		if p.API.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
}
