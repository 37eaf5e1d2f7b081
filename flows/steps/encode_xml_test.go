package steps_test

import (
	"strings"
	"testing"
)

// Elements and attributes have the order of the flow file, wherever it has one.
func TestEncodeXMLOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const header = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	for step, want := range map[string]string{
		"encode:\n  xml:\n    s:Envelope:\n      '@xmlns:s': u\n      '@a': 1\n      s:Header: {z: 1, b: 2}\n      s:Body: ${ . }": `<s:Envelope xmlns:s="u" a="1"><s:Header><z>1</z><b>2</b></s:Header><s:Body><a>1</a><z><c>3</c><d>2</d></z></s:Body></s:Envelope>`,
		"encode: {xml: {r: {b: 1, a: 2}}}":                                                              `<r><b>1</b><a>2</a></r>`,
		"encode: {xml: {r: {l: [{b: 1, a: '${ .a }'}, {a: 1, b: 2}]}}}":                                 `<r><l><b>1</b><a>1</a></l><l><a>1</a><b>2</b></l></r>`,
		"encode: {xml: {r: {'#children': '${ [{b: 1}, {a: 2}, {b: 3}] }'}}}":                            `<r><b>1</b><a>2</a><b>3</b></r>`,
		"encode: {xml: {p: {'#children': [for, {}]}}}":                                                  "!element 0 of #children is not an object with one member",
		"encode: {xml: {p: {'#children': 1}}}":                                                          "!#children is a number, not a list",
		"encode: {xml: {p: {'#children': [{'#text': 'a < '}, {b: you}, {'#text': ' & '}, {b: null}]}}}": `<p>a &lt; <b>you</b> &amp; <b/></p>`,
		"encode: {xml: {p: {'@x': 1, '#cdata': 'a]]>b<c>'}}}":                                           `<p x="1"><![CDATA[a]]]]><![CDATA[>b<c>]]></p>`,
		`encode: {xml: {p: {'#cdata': "${ [1, 65] | implode }"}}}`:                                      "<p><![CDATA[\uFFFDA]]></p>",
		"encode: {xml: {p: {'#cdata': [1]}}}":                                                           "!a list stands where XML has text",
	} {
		items, err := w.run(t.Context(), step, event(t, `{"a":1,"z":{"d":2,"c":3}}`))
		switch says, fails := strings.CutPrefix(want, "!"); {
		case fails && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v, want %s", step, err, says)
		case !fails && (err != nil || items[0] != header+want):
			t.Errorf("%s: %v %v, want %s", step, items, err, want)
		}
	}
}

// What is read with prefixes is written as it was.
func TestEncodeXMLPrefixes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const document = `{"x":"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:a xmlns:s=\"u\" xmlns:t=\"v\" s:id=\"1\"><s:b>1</s:b><t:b>2</t:b></s:a>"}`
	if got, want := w.must("encode: {xml: '${ .x }', decode: true}", event(t, document)), `[{"a":{"@id":"1","s:b":"1","t:b":"2"}}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := w.must("encode: {xml: '${ .x }', decode: true, prefixes: true}", event(t, document)), `[{"s:a":{"@s:id":"1","@xmlns:s":"u","@xmlns:t":"v","s:b":"1","t:b":"2"}}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := oneStep("encode: {xml: '${ .x }', prefixes: true}"); err == nil || !strings.Contains(err.Error(), "prefixes are for reading") {
		t.Errorf("prefixes for writing: %v", err)
	}
}
