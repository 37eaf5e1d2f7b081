package httpstep

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/payload"
)

type object = map[string]any

func TestParseBody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, as, contentType, body string
		want                        any
	}{
		{"no body", "auto", "application/json", "", nil},
		{"exact number", "auto", "application/json", `{"id":9007199254740993123}`, object{"id": json.Number("9007199254740993123")}},
		{"exact decimal", "json", "text/plain", `1.10`, json.Number("1.10")},
		{"suffix", "", "application/vnd.api+json; charset=utf-8", `[true,null]`, []any{true, nil}},
		{"byte order mark", "auto", "application/json", "\xef\xbb\xbf{}", object{}},
		{"utf-16", "json", "application/json; charset=utf-16le", "{\x00}\x00", object{}},
		{"text", "auto", "text/html; charset=utf-8", "<p>Zoë", "<p>Zoë"},
		{"text as Latin-1", "auto", "text/plain; charset=ISO-8859-1", "Zo\xeb", "Zoë"},
		{"white space as JSON", "auto", "application/json", " \n", nil},
		{"white space as XML", "xml", "", "\ufeff\n", nil},
		{"white space as text", "text", "", " ", " "},
		{"a type with a cut parameter", "auto", "application/json; charset", `{"a":1}`, object{"a": json.Number("1")}},
		{"a doubled type", "auto", "application/json, application/json", `{"a":1}`, object{"a": json.Number("1")}},
		{"NDJSON", "auto", "application/x-ndjson", "{\"a\":1}\n\n[2]\n", []any{object{"a": json.Number("1")}, []any{json.Number("2")}}},
		{"NDJSON by name", "ndjson", "text/plain", "1\n", []any{json.Number("1")}},
		{"svg is text", "auto", "image/svg+xml", "<svg/>", "<svg/>"},
		{"no type, text", "auto", "", "hello", "hello"},
		{"no type, bytes", "auto", "", "\xff\xfe\x00", "//4A"},
		{"bytes", "auto", "image/png", "\x89PNG", "iVBORw=="},
		{"json as text", "text", "application/json", `{"a":1}`, `{"a":1}`},
		{"json as bytes", "bytes", "application/json", `{}`, "e30="},
		{"csv", "auto", "text/csv", "id,name\r\n1,\"Smith, \"\"J\"\"\"\r\n2,\n", []any{object{"id": "1", "name": `Smith, "J"`}, object{"id": "2", "name": ""}}},
		{"csv without rows", "csv", "", "id,name\n", []any{}},
		{"xml", "auto", "application/rss+xml", "<a>1</a>", object{"a": "1"}},
		{"xml in Latin-1", "auto", "application/xml", "<?xml version='1.0' encoding='ISO-8859-1'?><a>Zo\xeb</a>", object{"a": "Zoë"}},
		{"charset of the type wins", "auto", "text/xml; charset=utf-8", "<?xml version='1.0' encoding='ISO-8859-1'?><a>Zoë</a>", object{"a": "Zoë"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseBody(t.Context(), nil, bodyFormat{parse: test.as, limit: 1 << 20}, http.Header{"Content-Type": {test.contentType}}, []byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseBodyRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, as, contentType, body, want string }{
		{"broken JSON", "auto", "application/json", `{"a":`, "the response cannot be read: the JSON ends too early"},
		{"data after JSON", "json", "", `{} {}`, "goes on after its value"},
		{"unknown charset", "auto", "text/plain; charset=klingon", "x", `the charset "klingon"`},
		{"bytes as text", "text", "", "\xff", "it is not text in UTF-8; use parse: bytes"},
		{"uneven CSV", "csv", "", "a,b\n1\n", "has 1 cells, the first row has 2"},
		{"CSV columns of one name", "csv", "", "a,a\n1,2\n", `two columns named "a"`},
		{"broken XML", "xml", "", "<a><b></a>", "element <b> closed by </a>"},
		{"empty XML", "xml", "", "<!-- -->", "there is no element"},
		{"two roots", "xml", "", "<a/><b/>", "second root"},
		{"deep XML", "xml", "", strings.Repeat("<a>", 300), "nested deeper than 256"},
		{"entity bomb", "xml", "", `<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>`, "invalid character entity"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseBody(t.Context(), nil, bodyFormat{parse: test.as, limit: 1 << 20}, http.Header{"Content-Type": {test.contentType}}, []byte(test.body))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want an error with %q", got, err, test.want)
			}
		})
	}
	for coding, want := range map[string]string{"br": "the body is not in its Content-Encoding", "compress": `the Content-Encoding is "compress"; gzip, deflate, br and zstd are read`} {
		_, err := parseBody(t.Context(), nil, bodyFormat{parse: "auto", limit: 1 << 20}, http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {coding}}, []byte("x"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", coding, err)
		}
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, _ = w.Write(make([]byte, 2<<20))
	_ = w.Close()
	if _, err := parseBody(t.Context(), nil, bodyFormat{parse: "text", limit: 1 << 20}, http.Header{"Content-Encoding": {"deflate"}}, packed.Bytes()); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a bomb: %v", err)
	}
}

// A body is read without its content codings, by whatever its headers say of it.
func TestParseCodedBody(t *testing.T) {
	t.Parallel()
	const text = `{"a":1.10}`
	for coding, pack := range map[string]func(io.Writer) io.WriteCloser{
		"x-gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"GZIP":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	} {
		var packed bytes.Buffer
		w := pack(&packed)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		got, err := parseBody(t.Context(), nil, bodyFormat{parse: "auto", limit: 1 << 20}, http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {coding}}, packed.Bytes())
		if diff := cmp.Diff(any(object{"a": json.Number("1.10")}), got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", coding, err, diff)
		}
		raw, err := parseBody(t.Context(), nil, bodyFormat{parse: "bytes", limit: 1 << 20}, http.Header{"Content-Encoding": {coding}}, packed.Bytes())
		if raw != base64.StdEncoding.EncodeToString(packed.Bytes()) || err != nil {
			t.Errorf("%s as bytes: %v %v", coding, raw, err)
		}
	}
}

func TestXMLMapping(t *testing.T) {
	t.Parallel()
	const document = `<?xml version="1.0"?>
<s:order xmlns:s="urn:shop" xmlns="urn:other" s:id="7">
  <!-- two lines -->
  <line n="1">tea &amp; milk</line>
  <line n="2"/>
  <note>  for <b>you</b> </note>
  <empty></empty>
  <text><![CDATA[<raw>]]></text>
</s:order>`
	got, err := payload.ParseXML(nil, []byte(document), "")
	if err != nil {
		t.Fatal(err)
	}
	want := object{"order": object{
		"@id": "7",
		"line": []any{
			object{"@n": "1", "#text": "tea & milk"},
			object{"@n": "2"},
		},
		"note":  object{"b": "you", "#text": "for"},
		"empty": nil,
		"text":  "<raw>",
	}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestXMLListKeepsEmptyElements(t *testing.T) {
	t.Parallel()
	got, err := payload.ParseXML(nil, []byte("<a><b/><b/><b>x</b></a>"), "")
	if diff := cmp.Diff(any(object{"a": object{"b": []any{nil, nil, "x"}}}), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// The flow says how CSV is read.
func TestHTTPReadsCSV(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=iso-8859-1")
		io.WriteString(w, "\xe9;2\n3;4;5\n")
	})
	items, err := runHTTP(t, `http: {get: "${ $vars.api }", csv: {delimiter: ";", header: false, columns: [a, b], ragged: fill}}`, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{object{"a": "é", "b": "2"}, object{"a": "3", "b": "4", "3": "5"}}
	if diff := cmp.Diff(any(want), items[0].(object)["body"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
