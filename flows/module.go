package flows

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Module is what a program adds to Penstock's own step kinds: kinds, types of connections and sources of messages. The
// package of a module has a function Module that returns it.
type Module struct {
	Kinds       []Kind
	Connections []ConnectionType
	Sources     []Source
}

// ConnectionType is a type of connection that a module adds. Its fields drive the validation and the console's form.
type ConnectionType struct {
	Name    string // as a connection names its type: "kafka"
	Summary string // one sentence
	Fields  []ConnectionField
	// Open checks the settings of one version of a connection and returns its client. It does not connect. Errors are shown to
	// the owner of the connection, and must not contain the value of a secret field.
	Open func(s ConnectionSettings) (Client, error)
}

// ConnectionField is one setting of a type of connection.
type ConnectionField struct {
	Name     string
	Summary  string
	Secret   bool // never shown again
	Required bool
	Kind     FieldKind
	Default  string   // shown in the reference, and applied
	Choices  []string // FieldChoice
}

// FieldKind is the type of a setting.
type FieldKind uint8

const (
	FieldText   FieldKind = iota
	FieldNumber           // from 1 to 65535
	FieldChoice           // one of Choices
	FieldLines            // text of several lines: PEM, JSON
	FieldPairs            // one "name: value" per line
)

// ConnectionSettings are the settings of one version of a connection, checked against the fields of its type.
type ConnectionSettings struct {
	Connection string            // its name, for errors
	Text       map[string]string // by field, with defaults
	// Rejected is for clients to call when their server refuses the credential. It reports whether the credential was replaced where
	// it is kept: the failure is then worth another try, which has another client. nil: it cannot be replaced.
	Rejected func(ctx context.Context) bool
}

// Number returns the value of a field of the kind FieldNumber; 0 when it is absent.
func (s ConnectionSettings) Number(field string) int {
	n, _ := strconv.Atoi(s.Text[field]) // checked before
	return n
}

// Client is the client of one version of a connection. It connects when it is used first. Safe for concurrent use.
type Client interface {
	// Test connects, authenticates, and returns what is wrong, for the owner of the connection; nil: nothing.
	Test(ctx context.Context) error
	// Close releases the client. It is called once, when no step and no consumer uses the client any more.
	Close() error
}

// ClientOf returns the client of a connection as T, for one use. The caller calls release at the end of the use; release
// is not nil. Errors are those of Connections.
func ClientOf[T Client](ctx context.Context, env *Env, name string) (client T, release func(), err error) {
	if env.Connections == nil {
		return client, func() {}, &Error{Code: CodeStepFailed, Message: "there are no connections here"}
	}
	c, release, err := env.Connections.Client(ctx, name)
	if err != nil {
		return client, func() {}, err
	}
	client, ok := c.(T)
	if !ok {
		release()
		return client, func() {}, &Error{Code: CodeStepFailed, Message: fmt.Sprintf("connection %q: its type is not one that this step can use", name)}
	}
	return client, release, nil
}

// Add returns a catalogue with the kinds, the types of connections and the sources of modules. It panics on a name that is
// taken, as NewCatalogue does.
func (c *Catalogue) Add(modules ...Module) *Catalogue {
	all := *c
	for _, m := range modules {
		all.connections = append(slices.Clip(all.connections), m.Connections...)
		all.sources = append(slices.Clip(all.sources), m.Sources...)
		all.kinds = append(slices.Clip(all.kinds), m.Kinds...)
	}
	taken := paramNames(triggerParams)
	for _, s := range all.sources {
		if slices.Contains(taken, s.Name) {
			panic(fmt.Sprintf("flows: the name of the trigger %q is taken", s.Name))
		}
		taken = append(taken, s.Name)
	}
	made := NewCatalogue(all.kinds...)
	made.connections, made.sources, made.connectors = all.connections, all.sources, all.connectors
	return made
}

// Connections returns the types of connections of the modules.
func (c *Catalogue) Connections() []ConnectionType { return slices.Clone(c.connections) }

// Sources returns the sources of messages of the modules.
func (c *Catalogue) Sources() []Source { return slices.Clone(c.sources) }

// MessageBody returns the bytes that a step of a module sends, and their media type: a text as it is, anything else as JSON.
// Without a template it is the item.
func MessageBody(ctx context.Context, in *Input, t *Template) (body []byte, contentType string, err error) {
	v := in.Value()
	if t != nil {
		if v, err = t.Render(ctx, in); err != nil {
			return nil, "", err
		}
	}
	if text, ok := v.(string); ok {
		return []byte(text), "text/plain; charset=utf-8", nil
	}
	return EncodeJSON(v), "application/json", nil
}

// TextOrBase64 returns bytes as a value of JSON: as text if they are UTF-8, otherwise in base64 (RFC 4648, section 4).
func TextOrBase64(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}
