package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/openapi"
)

const apiIntro = `# The API

<!-- Written by go test ./app/cli -update. -->

This page lists the routes. A running server shows them with every parameter, member and response at ` + "`/docs`" + `, and as
OpenAPI 3.1 at ` + "`/openapi.json`" + `. [Credentials](authentication.md) describes the authentication,
[SmartSYNC's real-time API](smartsync.md) the calls with a check value.

`

// route is an operation of the reference.
type route struct {
	Tags        []string `json:"tags"`
	Summary     string   `json:"summary"`
	Description string   `json:"description"`
}

// description contains the used members of the OpenAPI document.
type description struct {
	Info struct {
		Description string `json:"description"`
	} `json:"info"`
	Tags []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tags"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas struct {
			Code struct {
				OneOf []struct {
					Const       string `json:"const"`
					Description string `json:"description"`
				} `json:"oneOf"`
			} `json:"Code"`
		} `json:"schemas"`
	} `json:"components"`
}

// The reference of the API is generated from its OpenAPI document, which is compared with the routes elsewhere.
func TestAPIReference(t *testing.T) {
	t.Parallel()
	said, err := openapi.Describe()
	if err != nil {
		t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(said.Document, &d); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(apiIntro + d.Info.Description + "\n")
	for _, tag := range d.Tags {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| | |\n|---|---|\n", tag.Name, tag.Description)
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			describePath(t, &b, tag.Name, path, d.Paths[path])
		}
		b.WriteString("\n")
	}
	b.WriteString("## Problems\n\nA problem's `code`, and the end of its `type`:\n\n| | |\n|---|---|\n")
	for _, code := range d.Components.Schemas.Code.OneOf {
		fmt.Fprintf(&b, "| `%s` | %s |\n", code.Const, code.Description)
	}
	golden(t, filepath.Join("..", "..", "docs", "api.md"), b.String())
}

// describePath writes a row for each method of a path with the tag.
func describePath(t *testing.T, b *strings.Builder, tag, path string, members map[string]json.RawMessage) {
	t.Helper()
	for _, method := range []string{"get", "post", "put", "patch", "delete"} {
		if members[method] == nil {
			continue
		}
		var r route
		if err := json.Unmarshal(members[method], &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Tags) != 1 || r.Tags[0] != tag {
			continue
		}
		text := r.Summary
		if more := strings.Join(strings.Fields(r.Description), " "); more != "" {
			text += ". " + strings.ReplaceAll(more, "|", `\|`)
		}
		fmt.Fprintf(b, "| `%s %s` | %s |\n", strings.ToUpper(method), path, text)
	}
}
