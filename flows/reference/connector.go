package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
)

// ConnectorFields returns the fields of a connector's file, as Markdown.
func ConnectorFields() string { return table(flows.ConnectorParams(), "") }

// Connector returns the reference of a connector, as Markdown.
func Connector(c *flows.Connector) string {
	var b strings.Builder
	title := c.Title
	if title == "" {
		title = c.Name
	}
	fmt.Fprintf(&b, "# %s\n\n", title)
	paragraph(&b, c.Doc)
	if n := c.Connection; len(n.Types) > 0 {
		fmt.Fprintf(&b, "Connection: of type %s", strings.Join(n.Types, " or "))
		if len(n.Hosts) > 0 {
			fmt.Fprintf(&b, ", with the host %s", strings.Join(n.Hosts, ", "))
		}
		for _, name := range slices.Sorted(maps.Keys(n.Settings)) {
			fmt.Fprintf(&b, ", `%s: %s`", name, flows.EncodeJSON(n.Settings[name]))
		}
		b.WriteString(".\n\n")
		paragraph(&b, n.Doc)
	}
	for _, o := range c.Operations {
		b.WriteString("#" + Operation(c, o))
	}
	return b.String()
}

// Operation returns the reference of one operation, as Markdown.
func Operation(c *flows.Connector, o flows.ConnectorOperation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s.%s\n\n", c.Name, o.Name)
	paragraph(&b, o.Summary)
	paragraph(&b, o.Doc)
	fmt.Fprintf(&b, "```yaml\n- uses: %s.%s\n", c.Name, o.Name)
	if len(c.Connection.Types) > 0 {
		fmt.Fprintf(&b, "  connection: %s\n", c.Name)
	}
	example, _ := o.Example.(map[string]any)
	if params, _ := example["params"].(map[string]any); len(params) > 0 {
		fmt.Fprintf(&b, "  with: %s\n", flows.EncodeJSON(params))
	}
	b.WriteString("```\n\n")
	properties, _ := o.Params["properties"].(map[string]any)
	required, _ := o.Params["required"].([]any)
	if len(properties) > 0 {
		b.WriteString("| parameter | holds | meaning |\n|---|---|---|\n")
	}
	names := slices.Sorted(maps.Keys(properties))
	slices.SortStableFunc(names, func(a, b string) int { return index(required, a) - index(required, b) })
	for _, name := range names {
		property, _ := properties[name].(map[string]any)
		meaning, _ := property["description"].(string)
		if slices.Contains(required, any(name)) {
			meaning += " Required."
		}
		if v, has := property["default"]; has {
			meaning += fmt.Sprintf(" Default: `%s`.", flows.EncodeJSON(v))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, cell(values(property)), cell(strings.TrimSpace(meaning)))
	}
	if len(names) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s `%s`. Effect: %s.\n\n", o.Method, o.URL, o.Effect)
	return b.String()
}

// index returns the position of a name in a list; its length when it is not in it.
func index(list []any, name string) int {
	if i := slices.Index(list, any(name)); i >= 0 {
		return i
	}
	return len(list)
}

func paragraph(b *strings.Builder, text string) {
	if text = strings.TrimSpace(text); text != "" {
		b.WriteString(text + "\n\n")
	}
}

// values describes the values that a schema allows, in a few words.
func values(schema map[string]any) string {
	if list, ok := schema["enum"].([]any); ok {
		words := make([]string, len(list))
		for i, v := range list {
			words[i] = "`" + string(flows.EncodeJSON(v)) + "`"
		}
		return strings.Join(words, ", ")
	}
	word, _ := schema["type"].(string)
	if items, ok := schema["items"].(map[string]any); ok && word == "array" {
		if of := values(items); of != "" {
			word = "list of " + of
		}
	}
	if format, ok := schema["format"].(string); ok {
		word += ", " + format
	}
	return word
}
