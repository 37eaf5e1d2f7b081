package view

import "net/url"

// Product is a product whose connections have a preset.
type Product struct {
	Name, Title string
	Type        string   // of the connection
	Types       []string // that serve it, Type among them
	Doc         string   // Markdown: how to get the credential, and where to enter it
}

// presetPath returns the path of the form for a connection of a type.
func (p Product) presetPath(kind string) string {
	return Root + "/connections/new?" + url.Values{"product": {p.Name}, "type": {kind}}.Encode()
}
