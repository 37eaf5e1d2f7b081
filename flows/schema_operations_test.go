// The race detector makes these tests many times slower: they have one goroutine.

//go:build !race

package flows_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/flows/reference"
)

const crmConnector = `connector: crm
base: https://crm.example.org
operations:
  person_add:
    summary: Adds a person.
    params:
      type: object
      required: [email, group]
      properties:
        email: {type: string, format: email, maxLength: 100}
        group: {enum: [pupil, parent], default: pupil}
        age: {type: integer, minimum: 3}
        address: {$ref: "#/$defs/address"}
        tags: {type: array, items: {oneOf: [{type: string, maxLength: 5}, {type: integer}]}, maxItems: 2}
      $defs:
        address: {type: object, required: [city], additionalProperties: false, properties: {city: {type: string}, of: {$ref: "#/$defs/address"}}}
    http: {post: /people, json: "${ $params }"}
  all: {http: {get: /people}}
`

// The schema knows the operations of connectors and their parameters, with programs in the place of values.
func TestSchemaOfOperations(t *testing.T) {
	t.Parallel()
	dir := fstest.MapFS{"crm.yaml": {Data: []byte(crmConnector)}, "broken.yaml": {Data: []byte("connector: broken\n")}}
	text, problems, err := reference.SchemaWithConnectors(catalogue().WithConnectors(connectors.In(dir, "connectors", connectors.Shipped())))
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) == 0 || !strings.HasPrefix(problems[0].Error(), "connectors/broken.yaml:1:") {
		t.Errorf("problems of the broken connector: %v", problems)
	}
	schema := validatorOf(t, text)
	for _, test := range []struct {
		step string
		fits bool
	}{
		{"{uses: crm.person_add, connection: c, with: {email: a@b.org}}", true},
		{"{uses: crm.person_add, with: {email: '${ .mail }', age: '${ .age }', group: parent, address: {city: 'a ${ .c }'}, tags: [a, 1]}}", true},
		{"{uses: crm.person_add, with: {email: a@b.org, age: null, tags: '${ .tags }', address: '${ .a }'}}", true},
		{"{uses: crm.person_add, with: {email: a@b.org, tags: ['${ . }', 'long ${ . }']}}", true},
		{"{uses: crm.person_add, with: '${ . }', retry: 3}", true},
		{"{uses: {operation: crm.person_add, with: {email: a@b.org}}}", true},
		{"{uses: crm.all}", true},
		{"{uses: other.operation, with: {a: 1}}", true},
		{"{uses: slack.chat_post_message, connection: slack, with: {channel: a, text: b}}", true},
		{"{uses: slack.chat_post_message, connection: slack, with: {chanel: a, text: b}}", false},
		{"{uses: slack.chat_post_massage, connection: slack}", false},
		{"{uses: crm.person_ad, with: {email: a@b.org}}", false},
		{"{uses: crm.person_add, with: {}}", false},
		{"{uses: crm.person_add, with: {email: null}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, agge: 1}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, age: 1}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, age: old}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, group: teacher}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, address: {town: a}}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, address: {city: a, of: {city: 1}}}}", false},
		{"{uses: crm.person_add, with: {email: a@b.org, tags: [a, b, c]}}", false},
		{"{uses: crm.all, with: {a: 1}}", false},
	} {
		source := []byte("flow: 1\nsteps: [" + test.step + "]\n")
		if err := schema.Check(t.Context(), flows.ReadYAML(t, source)); (err == nil) != test.fits {
			t.Errorf("%s: %v, want fits %v", test.step, err, test.fits)
		}
	}
	if size := len(text) - len(reference.Schema(catalogue())); size > 1<<20 {
		t.Errorf("the operations of the connectors that ship add %d bytes", size)
	}
}

// Each example of an operation that ships fits the schema.
func TestExamplesFitTheSchemaOfOperations(t *testing.T) {
	t.Parallel()
	text, _, err := reference.SchemaWithConnectors(catalogue())
	if err != nil {
		t.Fatal(err)
	}
	schema := validatorOf(t, text)
	names, err := connectors.Shipped().Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, source, err := connectors.Shipped().Connector(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := flows.ParseConnector(file, source, catalogue())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range c.Operations {
			example, _ := o.Example.(map[string]any)
			step := map[string]any{"uses": name + "." + o.Name, "connection": name, "with": example["params"]}
			v, err := flows.DecodeJSON(flows.EncodeJSON(map[string]any{"flow": 1, "steps": []any{step}}))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Check(t.Context(), v); err != nil {
				t.Errorf("%s.%s: %v", name, o.Name, err)
			}
		}
	}
}
