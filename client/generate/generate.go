// Package generate writes typed clients for the flows of an installation, from the OpenAPI document that its server gives
// to the caller. It knows nothing else of the server.
package generate

import (
	"errors"
	"fmt"
)

// Languages are the languages of clients.
var languages = []string{"go", "ts"} // read only

// Languages returns the names of the languages.
func Languages() []string { return append([]string(nil), languages...) }

// Config of a generated client.
type Config struct {
	Language string // go or ts
	Package  string // of a Go client; empty: penstock
}

// ErrNoOperations is returned for a document without operations of flows.
var ErrNoOperations = errors.New("the document has no operations of flows that the caller may call")

// Client returns the source of a client: one file without dependencies. The same document gives the same bytes. Nothing in
// the document can become code: names are reduced to identifiers, texts are quoted, comments cannot be left.
func Client(document []byte, config Config) ([]byte, error) {
	operations, components, err := read(document)
	if err != nil {
		return nil, err
	}
	switch config.Language {
	case "go":
		return goClient(operations, components, config.Package)
	case "ts":
		return tsClient(operations, components)
	}
	return nil, fmt.Errorf("%q is no language: choose one of %q", config.Language, languages)
}
