package schema

import (
	"fmt"
	"strings"
	"testing"
)

func tree20k(keyword string) (schema, value string) {
	schema = strings.Replace(strings.ReplaceAll(kinds, `"child":{"$ref":"#/$defs/node"}`,
		`"children":{"type":"array","items":{"$ref":"#/$defs/node"}}`), "KEYWORD", keyword, 1)
	var b strings.Builder
	b.WriteString(`{"kind":"group","children":[`)
	for range 20_000 {
		b.WriteString(`{"kind":"group","children":[{"kind":"leaf"},{"kind":"leaf"}]},`)
	}
	b.WriteString(`{"kind":"leaf"}]}`)
	return schema, b.String()
}

// order is a typical schema of a flow, without alternatives.
const order = `{"type":"object","required":["id","lines"],"properties":{
	"id":{"type":"integer","minimum":1},"email":{"type":"string","format":"email"},"state":{"enum":["new","paid","sent"]},
	"lines":{"type":"array","minItems":1,"items":{"type":"object","required":["sku","count"],"additionalProperties":false,
		"properties":{"sku":{"type":"string","pattern":"^[A-Z]{2}-[0-9]+$"},"count":{"type":"integer","minimum":1},"price":{"type":"number"}}}}}}`

func orderOf(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, `,{"sku":"AB-%d","count":%d,"price":1.5}`, i, i+1)
	}
	return `{"id":7,"email":"a@example.org","state":"paid","lines":[` + b.String()[1:] + `]}`
}

// The time of the library is measured beside each.
func BenchmarkCheck(b *testing.B) {
	schema, value := tree20k("oneOf")
	for _, test := range []struct{ name, schema, value string }{
		{"order of 3", order, orderOf(3)},
		{"order of 1000", order, orderOf(1000)},
		{"order that does not fit", order, `{"id":0,"email":"a","state":"x","lines":[{"sku":"a"}]}`},
		{"tree of 60000", schema, value},
	} {
		v := decode(b, test.value)
		b.Run(test.name+"/here", func(b *testing.B) {
			s := compiled(b, test.schema)
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Check(b.Context(), v)
			}
		})
		b.Run(test.name+"/library", func(b *testing.B) {
			s := library(b, decode(b, test.schema))
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Validate(v)
			}
		})
	}
}
