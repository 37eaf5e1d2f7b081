package yaml_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

func read(t *testing.T, part yaml.Part, lines yaml.Lines) *yaml.Node {
	t.Helper()
	return yaml.ReadPart(part, lines, func(_ mistake.Code, at yaml.Place, _, format string, args ...any) {
		t.Errorf("%v: "+format, append([]any{at}, args...)...)
	})
}

// Positions in a part of a file are those in the file.
func TestDocumentsAndSectionsKeepTheirLines(t *testing.T) {
	t.Parallel()
	const source = `# first
---
flow: 1
text: |
  --- no separator
---
# second
connector: zoom
operations: # all
  # none of these
  one:
    text: |
      a

      b
  "two": {a: 1}
after: 1
---
`
	lines := yaml.LinesOf([]byte(source))
	docs := yaml.Documents(source)
	if len(docs) != 2 || docs[0].Before != 0 || docs[1].Before != 5 {
		t.Fatalf("%+v", docs)
	}
	rest, sections, ok := docs[1].Sections("operations")
	if !ok || len(sections) != 2 {
		t.Fatalf("%v %+v", ok, sections)
	}
	head := read(t, rest, lines)
	if len(head.Keys) != 2 || head.Keys[0].Place != (yaml.Place{Line: 8, Column: 1}) || head.Keys[1].Place.Line != 17 {
		t.Errorf("%+v", head.Keys)
	}
	one, two := read(t, sections[0], lines), read(t, sections[1], lines)
	if one.Keys[0].Place != (yaml.Place{Line: 11, Column: 3}) || one.Items[0].Items[0].Value != "a\n\nb\n" || two.Items[0].Items[0].Place != (yaml.Place{Line: 16, Column: 14}) {
		t.Errorf("%+v %q %+v", one.Keys, one.Items[0].Items[0].Value, two.Items[0].Items[0])
	}
	if _, _, ok := (yaml.Part{Text: "operations: {a: 1}\n"}).Sections("operations"); ok {
		t.Error("a flow mapping has no lines of its own")
	}
}

// What Text writes is read as the same values.
func TestTextIsReadAgain(t *testing.T) {
	t.Parallel()
	scalar := func(v any) *yaml.Node { return &yaml.Node{Value: v} }
	texts := []string{
		"", " ", "a", "a b", "yes", "12", "1e5", "null", "~", "a: b", "- a", "# a", "a #b", "x\ny", "x\ny\n", "x\n\ny", " x\ny", "x \ny", "\n", "x\n\n", "${ .a | \"b\" }", `a'b"c`, `a\b`,
		"tab\there", "\u2028", "é 日 😀", "\x00", "{a}", "[a]", "!a", "&a", "*a", "@a", "%a", "`a", "|", ">", "a:", ":a", "? a", "<<", "=", "---", "x\n---\ny", "x\n# y", "- a\n- b", "\u00a0", "\ufeff", "\r", "a\r\nb", "0x1", "+1", ".5", "1_000",
		strings.Repeat("long ", 100),
	}
	all := &yaml.Node{Shape: yaml.Mapping}
	for _, text := range texts {
		all.Keys, all.Items = append(all.Keys, yaml.Key{Name: text}), append(all.Items, scalar(text))
	}
	list := &yaml.Node{Shape: yaml.Sequence, Items: []*yaml.Node{
		all, scalar(nil), scalar(true), scalar(json.Number("1.50")), {Shape: yaml.Mapping}, {Shape: yaml.Sequence},
		{Shape: yaml.Sequence, Items: []*yaml.Node{{Shape: yaml.Sequence, Items: []*yaml.Node{scalar("x\ny\n"), all}}, scalar("a")}},
	}}
	root := yaml.Member(yaml.Place{}, "all", list)
	text := root.Text()
	again := read(t, yaml.Part{Text: text}, yaml.LinesOf([]byte(text)))
	ignore := cmp.Options{cmpopts.IgnoreTypes(yaml.Place{}, yaml.Plain), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(root, again, ignore); diff != "" {
		t.Errorf("%s\n(-want +got)\n%s", text, diff)
	}
}
