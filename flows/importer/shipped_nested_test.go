package importer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// checkNested checks a query and a form with members such as a[b][0], which kin-openapi does not read.
func checkNested(route *routers.Route, c call) error {
	query := nest(c.request.URL.Query())
	for name, v := range query {
		p := route.Operation.Parameters.GetByInAndName("query", name)
		if err := p.Schema.Value.VisitJSON(typed(p.Schema.Value, v)); err != nil {
			return fmt.Errorf("query parameter %s: %w", name, err)
		}
	}
	if len(c.body) == 0 {
		return nil
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return err
	}
	media := route.Operation.RequestBody.Value.Content.Get("application/x-www-form-urlencoded")
	body := typed(media.Schema.Value, nest(form))
	if wrong := (specified{}).unknown(media.Schema.Value, body, ""); len(wrong) > 0 {
		return errors.New(strings.Join(wrong, ", "))
	}
	return media.Schema.Value.VisitJSON(body, openapi3.VisitAsRequest())
}

// nest reads members such as a[b][0] as objects; the members of lists are their numbers.
func nest(values url.Values) map[string]any {
	root := map[string]any{}
	for name, v := range values {
		at, path := root, strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		for _, part := range path[:len(path)-1] {
			if at[part] == nil {
				at[part] = map[string]any{}
			}
			at, _ = at[part].(map[string]any)
		}
		at[path[len(path)-1]] = v[0]
	}
	return root
}

// typed gives the texts of a form the types of a schema, and makes lists of objects whose members are numbers.
func typed(schema *openapi3.Schema, v any) any {
	switch v := v.(type) {
	case string:
		var value any
		if json.Unmarshal([]byte(v), &value) != nil {
			return v
		}
		for _, part := range parts(schema) {
			if _, number := value.(float64); number && (part.Type.Is("integer") || part.Type.Is("number")) {
				return value
			}
			if _, truth := value.(bool); truth && part.Type.Is("boolean") {
				return value
			}
		}
	case map[string]any:
		for _, part := range parts(schema) {
			if part.Items != nil && v["0"] != nil {
				list := make([]any, len(v))
				for i := range list {
					list[i] = typed(part.Items.Value, v[strconv.Itoa(i)])
				}
				return list
			}
		}
		for name, member := range v {
			if found, _, _ := property(schema, name); found != nil {
				v[name] = typed(found, member)
			}
		}
	}
	return v
}
