// Package presets has what is known of the connections of products: type, hosts and settings, from the connectors that ship with the
// program.
package presets

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// Preset is what is known of the connections of a product.
type Preset struct {
	Name  string   // of the connector, which a new connection is named after
	Title string   // of the product
	Types []string // of connections that serve it; the first one suits most
	Doc   string   // Markdown: how to get the credential, and where to enter it

	connector *flows.Connector
}

// List returns the presets of all connectors, by their titles. Connectors that cannot be read, or need no connection, are left out.
func List(catalogue *flows.Catalogue) ([]Preset, error) {
	all := catalogue.Connectors()
	if all == nil {
		return nil, nil
	}
	names, err := all.Names()
	if err != nil {
		return nil, fmt.Errorf("list connectors: %w", err)
	}
	var presets []Preset
	for _, name := range names {
		file, source, err := all.Connector(name)
		if err != nil || source == nil {
			continue
		}
		c, err := flows.ParseConnectorHead(file, source, catalogue)
		if err != nil || len(c.Connection.Types) == 0 {
			continue
		}
		title := c.Title
		if title == "" {
			title = c.Name
		}
		presets = append(presets, Preset{c.Name, title, c.Connection.Types, c.Connection.Doc, c})
	}
	slices.SortFunc(presets, func(a, b Preset) int { return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	return presets, nil
}

// Connection returns a connection of a type with all that is known of it. What is not a setting of the type is left out.
func (p *Preset) Connection(kind connect.Type) store.Connection {
	known := p.connector.Connection
	c := store.Connection{Name: p.Name, Type: kind.Name, Hosts: known.Hosts, Settings: map[string]string{}}
	for _, f := range kind.Fields {
		if value, ok := known.Settings[f.Name]; ok && !f.Secret {
			c.Settings[f.Name] = textOf(value)
		}
		if f.Name == "test" {
			c.Settings["test"] = p.testURL()
		}
	}
	return c
}

// testURL returns the URL of a request that shows that the connection works; empty: it is not known before the base is.
func (p *Preset) testURL() string {
	test := p.connector.Connection.Test
	if strings.HasPrefix(test, "/") {
		test = strings.TrimSuffix(p.connector.Base, "/") + test
	}
	if u, err := url.Parse(test); err != nil || u.Scheme != "https" || strings.Contains(test, "${") {
		return ""
	}
	return test
}

// textOf returns a setting as a form has it: texts as they are, the rest as JSON.
func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "" // no value of YAML fails to encode
	}
	return string(text)
}
