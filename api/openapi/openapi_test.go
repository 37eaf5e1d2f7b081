package openapi

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/strictjson"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	d, err := Describe()
	if err != nil {
		t.Fatal(err)
	}
	var loose map[string]any
	if err := json.Unmarshal(d.Document, &loose); err != nil || loose["openapi"] != "3.1.0" {
		t.Fatalf("%v %v", err, loose["openapi"])
	}
	if alias := loose["paths"].(map[string]any)["/appservices/token"].(map[string]any)["post"].(map[string]any); alias["operationId"] != "syncAccessTokenAlias" || alias["responses"] == nil {
		t.Errorf("the alias of a path is %v", alias)
	}
}

// The page has all operations and codes, its links have targets, and it loads nothing from other servers.
func TestPage(t *testing.T) {
	t.Parallel()
	d, err := Describe()
	if err != nil {
		t.Fatal(err)
	}
	page := string(d.Page)
	for _, m := range regexp.MustCompile(`operationId: (\w+)`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(page, `id="`+strings.ToLower(m[1])+`"`) {
			t.Errorf("the operation %s is missing", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`const: (\w+), description`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(page, `id="problem-`+m[1]+`"`) {
			t.Errorf("the problem %s is missing", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
	for _, word := range []string{"http://", "https://", "<script", "style=", "<nil>", "%!"} {
		if strings.Contains(page, word) {
			t.Errorf("the page holds %s", word)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("the id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
}

// No member and no operation is there twice: generators refuse such a document.
func TestNothingIsTwice(t *testing.T) {
	t.Parallel()
	d, err := Describe()
	if err != nil {
		t.Fatal(err)
	}
	if err := strictjson.Check(d.Document, strictjson.MaxDepth); err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`"operationId":"(\w+)"`).FindAllStringSubmatch(string(d.Document), -1) {
		if seen[m[1]] {
			t.Errorf("the operation %s is there twice", m[1])
		}
		seen[m[1]] = true
	}
	if _, err := encode(object{{Key: "a", Value: object{{Key: "b", Value: 1}, {Key: "b", Value: 2}}}}); err == nil || !strings.Contains(err.Error(), "#/a: the member b is there twice") {
		t.Errorf("a member that is there twice: %v", err)
	}
}
