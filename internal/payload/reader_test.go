package payload_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

// newReader returns a reader with the limits of the front door.
func newReader() *payload.Reader {
	return &payload.Reader{Depth: 64, MaxSize: 1 << 20, Decode: func(_ *budget.Charger, text []byte) (v any, err error) {
		return v, json.Unmarshal(text, &v)
	}}
}

// jsonOf returns what a body says as JSON.
func jsonOf(t *testing.T, c payload.Content) string {
	t.Helper()
	if c.Empty() {
		return ""
	}
	if c.JSON != nil {
		return string(c.JSON)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c.Value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	multi      = "multipart/form-data; boundary=b"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as                      payload.Form
		contentType, body, want string
	}{
		{"", "application/json", ` {"a": 1.10} `, ` {"a": 1.10} `},
		{"", "application/vnd.api+json;charset=utf8", `[1]`, `[1]`},
		{"", "text/json", `1`, `1`},
		{"", "application/csp-report", `{}`, `{}`},
		{"", "application/json", "\xef\xbb\xbf{}", `{}`},
		{"", "application/json", "\xff\xfe{\x00}\x00", `{}`},
		{"", "application/json; charset=iso-8859-1", "\"Zo\xeb\"", `"Zoë"`},
		{"", "application/json; charset=koi8-r", "\"\xc1\"", `"а"`},
		{"", "application/json; charset", `{}`, `{}`},
		{"", "text/plain; charset=UTF-8", ` {"Type": "Notification"}`, ` {"Type": "Notification"}`},
		{"", "text/plain", `{"Type": `, `"{\"Type\": "`},
		{"", "text/plain", `12`, `"12"`},
		{"", "text/plain", "Zo\xeb", `"Zoë"`},
		{"", "text/html", "<p>{}", `"<p>{}"`},
		{"", "", `[{}]`, `[{}]`},
		{"", "", `hello`, `"hello"`},
		{"", "json", `{}`, `{}`},
		{"", "*/*", `{}`, `{}`},
		{"", "", "\x89PNG", `{"base64":"iVBORw==","content_type":"application/octet-stream","size":4}`},
		{"", "image/png", "\x89PNG", `{"base64":"iVBORw==","content_type":"image/png","size":4}`},
		{"", "application/json", " \r\n\t", ""},
		{"", "application/json", "\xef\xbb\xbf ", ""},
		{"", "text/plain", "\n", ""},
		{"", "application/json", "", ""},
		{"text", "text/plain", "\n", `"\n"`},
		{"bytes", "text/plain", "\n", `{"base64":"Cg==","content_type":"text/plain","size":1}`},
		{"", urlencoded, "a=1&b=%C3%A9&c=x&c=y&d&&=e", `{"":"e","a":"1","b":"é","c":["x","y"],"d":""}`},
		{"", urlencoded, "a=1;b=2&c=100%&d=%zz&e=1+2%2B", `{"a":"1;b=2","c":"100%","d":"%zz","e":"1 2+"}`},
		{"", urlencoded, "a[]=1&b[]=1&b[]=2&u[n]=x", `{"a[]":["1"],"b[]":["1","2"],"u[n]":"x"}`},
		{"", urlencoded, "a=%ff", `{"a":"` + "\uFFFD" + `"}`},
		{"", urlencoded + "; charset=windows-1252", "a=%eb", `{"a":"ë"}`},
		{"", urlencoded, `{"a":1}`, `{"a":1}`},
		{"", urlencoded, "payload=%7B%22a%22%3A1%7D", `{"a":1}`},
		{"", urlencoded, "payload=%7B&x=1", `{"payload":"{","x":"1"}`},
		{"form", "text/plain", "payload=%7B%7D", `{"payload":"{}"}`},
		{"nested_form", urlencoded, "a[]=1&u[name]=x&u[tags][]=p&u[tags][]=q&i[1][n]=b&i[0][n]=a&k[5]=v&z[=1&[q]=2",
			`{"[q]":"2","a":["1"],"i":[{"n":"a"},{"n":"b"}],"k":{"5":"v"},"u":{"name":"x","tags":["p","q"]},"z[":"1"}`},
		{"nested_form", urlencoded, "a=1&a[b]=2", `{"a":{"b":"2"}}`},
		{"", "text/xml; charset=utf-8", `<s:Envelope xmlns:s="x"><s:Body><a id="1">é</a></s:Body></s:Envelope>`, `{"Envelope":{"Body":{"a":{"#text":"é","@id":"1"}}}}`},
		{"", "application/soap+xml", "<a/>", `{"a":null}`},
		{"xml", "text/plain", "\xff\xfe<\x00a\x00/\x00>\x00", `{"a":null}`},
		{"", "text/csv", "\xef\xbb\xbfid,name\r\n1,\"a,b\"\r\n", `[{"id":"1","name":"a,b"}]`},
		{"csv", "application/octet-stream", "n\nZo\xeb\n", `[{"n":"Zoë"}]`},
		{"", "application/x-ndjson", "{\"a\":1}\r\n\n[2]\n", `[{"a":1},[2]]`},
		{"ndjson", "", "\x1e1\n\x1e2", `[1,2]`},
		{"json", "text/xml", `{}`, `{}`},
		{"", "text/xml", `<a xmlns:p="u" xmlns:q="w" p:x="1" q:x="2"/>`, `{"a":{"@p:x":"1","@q:x":"2"}}`},
		{"", multi, "--b\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\nx\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\ny\r\n" +
			"--b\r\nContent-Disposition: form-data; name=meta\r\nContent-Type: application/json\r\n\r\n{\"n\":1}\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"l[]\"\r\n\r\nz\r\n--b--\r\n",
			`{"filename":["x","y"],"l[]":["z"],"meta":{"n":1}}`},
		{"", multi, "--b\r\nContent-Disposition: form-data; name=f; filename=\"../é.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n" +
			"--b\r\nContent-Disposition: form-data; name=g; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n" +
			"--b\r\nContent-Disposition: form-data; name=h; filename=p.png\r\n\r\n\x89\r\n--b--",
			`{"f":{"content_type":"text/plain","name":"é.txt","size":2,"text":"hi"},"g":{"base64":"","content_type":"application/octet-stream","size":0},` +
				`"h":{"base64":"iQ==","content_type":"application/octet-stream","name":"p.png","size":1}}`},
	} {
		got, err := newReader().Read(c.as, c.contentType, []byte(c.body))
		if err != nil {
			t.Errorf("%s %q %q: %v", c.as, c.contentType, c.body, err)
			continue
		}
		if diff := cmp.Diff(c.want, jsonOf(t, got)); diff != "" {
			t.Errorf("%s %q %q (-want +got)\n%s", c.as, c.contentType, c.body, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as                      payload.Form
		contentType, body, want string
	}{
		{"", "application/json", `{"a":1,"a":2}`, `the body came as "application/json" and was read as json: duplicate member "a"`},
		{"json", "", "<a/>", "the body came without a Content-Type and was read as json: a JSON value is expected at byte 0"},
		{"", "application/json", "\"\xff\"", "not text in UTF-8"},
		{"", "text/plain; charset=klingon", "x", `the charset "klingon"`},
		{"", "text/plain; charset=iso-2022-kr", "x", `the charset "iso-2022-kr"`},
		{"", urlencoded, strings.Repeat("a&", 1000), "has 1001 fields, 1000 are allowed"},
		{"", "text/xml", "<a>", "the XML cannot be read"},
		{"", "text/xml", `<!DOCTYPE a [<!ENTITY x "ha">]><a>&x;</a>`, "invalid character entity"},
		{"", "text/xml", `<a x="1" x="2"/>`, "the element a has the attribute x twice"},
		{"", "text/xml", `<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>`, "the element a has the attribute x twice"},
		{"nested_form", urlencoded, "a" + strings.Repeat("[b]", 33) + "=1", "more than 32 brackets"},
		{"", "text/csv", "a,a\n", `two columns named "a"`},
		{"", "text/csv", strings.Repeat("a", 2000) + "\n" + strings.Repeat("1\n", 1000), "too long for so many rows"},
		{"", "application/x-ndjson", "1\n{", "line 2: the JSON ends too early"},
		{"", "multipart/form-data", "--b", "no boundary"},
		{"", multi, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b\r\nContent-Disposition: form-da", "the last boundary is missing"},
		{"", multi, "x", "part 1: "},
		{"", multi, "--b\r\n\r\nx\r\n--b--", "part 1: it has no name"},
		{"", multi, "--b\r\nContent-Disposition: form-data; name=f\r\n\r\nx", "part 1: "},
		{"", multi, "--b\r\nContent-Disposition: form-data; name=f\r\nContent-Type: application/json\r\n\r\n{\r\n--b--", `part 1: "f": the JSON ends too early`},
	} {
		got, err := newReader().Read(c.as, c.contentType, []byte(c.body))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, %v, want %q", c.as, c.contentType, got, err, c.want)
		}
	}
}
