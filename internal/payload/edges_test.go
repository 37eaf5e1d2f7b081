package payload_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

// edges are bodies of one form at the limits of its syntax. want is JSON; one that begins with "!" is a part of the error.
type edges []struct{ name, body, want string }

func (all edges) check(t *testing.T, as payload.Form, contentType string) {
	t.Helper()
	for _, e := range all {
		got, err := newReader().Read(as, contentType, []byte(e.body))
		if problem, wrong := strings.CutPrefix(e.want, "!"); wrong {
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: %v, %v, want the error %q", e.name, got, err, problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
			continue
		}
		if diff := cmp.Diff(e.want, jsonOf(t, got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", e.name, diff)
		}
	}
}

func TestNestedFormEdges(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return "a" + strings.Repeat("[b]", n) + "=1" }
	within := func(n int) string {
		return `{"a":` + strings.Repeat(`{"b":`, n) + `"1"` + strings.Repeat("}", n) + "}"
	}
	edges{
		{"an open bracket", "a[b=1", `{"a[b":"1"}`},
		{"a closing bracket", "a]=1", `{"a]":"1"}`},
		{"an open one after a closed one", "a[b][c=1", `{"a[b][c":"1"}`},
		{"a bracket first", "[a]=1", `{"[a]":"1"}`},
		{"text after the last bracket", "a[b]c=1", `{"a":{"b":"1"}}`},
		{"a text, then an object", "a=1&a[b]=2", `{"a":{"b":"2"}}`},
		{"an object, then a text", "a[b]=2&a=1", `{"a":"1"}`},
		{"a member twice", "a[b]=1&a[b]=2", `{"a":{"b":"2"}}`},
		{"a list, not in order", "a[1]=y&a[0]=x", `{"a":["x","y"]}`},
		{"a list with a gap", "a[0]=x&a[2]=y", `{"a":{"0":"x","2":"y"}}`},
		{"a list that goes on", "a[5]=x&a[]=y", `{"a":{"5":"x","6":"y"}}`},
		{"a negative index", "a[-1]=x&a[]=y", `{"a":{"-1":"x","0":"y"}}`},
		{"an index with a zero", "a[00]=x", `{"a":{"00":"x"}}`},
		{"an index that is too large to go on from", "a[1073741824]=x&a[]=y", `{"a":{"0":"y","1073741824":"x"}}`},
		{"an index larger than an int", "a[99999999999999999999]=x&a[]=y", `{"a":{"0":"y","99999999999999999999":"x"}}`},
		{"escaped brackets", "a%5Bb%5D=1", `{"a":{"b":"1"}}`},
		{"as deep as may be", deep(32), within(32)},
		{"deeper", deep(33), "!more than 32 brackets"},
		{"members that scripts know", "__proto__[a]=1&constructor[prototype][a]=1", `{"__proto__":{"a":"1"},"constructor":{"prototype":{"a":"1"}}}`},
	}.check(t, payload.Nested, urlencoded)
}

func TestFormEdges(t *testing.T) {
	t.Parallel()
	edges{
		{"escapes cut off", "a=%&b=%4&c=%4g&d=%41", `{"a":"%","b":"%4","c":"%4g","d":"A"}`},
		{"a zero byte", "a=%00", `{"a":"\u0000"}`},
		{"escapes are read once", "a=%2541", `{"a":"%41"}`},
		{"an equals sign in a value", "a=b=c", `{"a":"b=c"}`},
		{"no name", "=1&=2", `{"":["1","2"]}`},
		{"no value", "a&b=", `{"a":"","b":""}`},
		{"UTF-8 that is cut", "a=%c3", `{"a":"` + "\uFFFD" + `"}`},
		{"a surrogate", "a=%ed%a0%80", `{"a":"` + "\uFFFD" + `"}`},
		{"one element of a list", "a[]=1", `{"a[]":["1"]}`},
		{"names that differ in case", "a=1&A=2", `{"A":"2","a":"1"}`},
		{"a name twice, escaped", "a=1&%61=2", `{"a":["1","2"]}`},
	}.check(t, payload.URLEncoded, urlencoded)
	edges{
		{"a payload that is JSON", "payload=%7B%22a%22%3A1%7D", `{"a":1}`},
		{"a member twice within", "payload=%7B%22a%22%3A1%2C%22a%22%3A2%7D", `{"payload":"{\"a\":1,\"a\":2}"}`},
		{"a payload beside another", "payload=1&x=2", `{"payload":"1","x":"2"}`},
		{"two payloads", "payload=1&payload=2", `{"payload":["1","2"]}`},
	}.check(t, "", urlencoded)
	edges{{"Shift JIS, escaped in the middle of a character", "a=%83%65", `{"a":"テ"}`}, {"bytes that it has not", "a=%ff", `{"a":"` + "\uFFFD" + `"}`}}.check(t, "", urlencoded+"; charset=shift_jis")
}

func TestXMLEdges(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	edges{
		{"text and elements", "<a> x <b/> y </a>", `{"a":{"#text":"x  y","b":null}}`},
		{"a repeated element", "<a><b>1</b><b/><b>2</b></a>", `{"a":{"b":["1",null,"2"]}}`},
		{"CDATA", "<a><![CDATA[<b>&amp;]]></a>", `{"a":"<b>&amp;"}`},
		{"entities", "<a x='&lt;&#65;'>&amp;&#x42;</a>", `{"a":{"#text":"&B","@x":"<A"}}`},
		{"comments and instructions", "<?x y?><!-- c --><a><!-- <b/> -->1<?z?></a><!-- d -->", `{"a":"1"}`},
		{"an attribute and an element of one name", "<a b='1'><b>2</b></a>", `{"a":{"@b":"1","b":"2"}}`},
		{"an attribute twice", "<a b='1' b='2'/>", "!the attribute b twice"},
		{"an attribute twice, by two prefixes of one space", "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "!the attribute b twice"},
		{"one name of two spaces", "<a xmlns:p='u' b='1' p:b='2'/>", `{"a":{"@b":"1","@p:b":"2"}}`},
		{"a name of a declaration", "<a xmlns:b='u' xmlns='v' b='1' b:c='2'/>", `{"a":{"@b":"1","@c":"2"}}`},
		{"elements of two spaces", "<a xmlns:p='u'><b>1</b><p:b>2</p:b><p:b>3</p:b><b>4</b></a>", `{"a":{"b":["1","4"],"p:b":["2","3"]}}`},
		{"elements of two spaces, the other first", "<a xmlns:p='u' xmlns='v'><p:b>2</p:b><b>1</b></a>", `{"a":{"b":"1","p:b":"2"}}`},
		{"elements of three spaces", "<a xmlns:p='u' xmlns:q='v'><p:b>2</p:b><q:b>3</q:b><b>1</b></a>", `{"a":{"b":"1","p:b":"2","q:b":"3"}}`},
		{"a space that is declared late", "<a><b>1</b><p:b xmlns:p='u'>2</p:b></a>", `{"a":{"b":"1","p:b":"2"}}`},
		{"a default space that ends", "<a><b xmlns='u'>1</b><b>2</b></a>", `{"a":{"b":["1","2"]}}`},
		{"one space by two prefixes", "<a xmlns:p='u' xmlns:q='u'><p:b>1</p:b><q:b>2</q:b></a>", `{"a":{"b":["1","2"]}}`},
		{"a prefix that is not declared", "<a><p:b/></a>", "!the prefix p is not declared"},
		{"a prefix that is declared elsewhere", "<a><b xmlns:p='u'/><p:c/></a>", "!the prefix p is not declared"},
		{"an attribute's prefix that is not declared", "<a p:b='1'/>", "!the prefix p is not declared"},
		{"a prefix without a space", "<a xmlns:p=''/>", "!the prefix p has no namespace"},
		{"the prefix xml", "<a xml:lang='de' lang='en'/>", `{"a":{"@lang":"en","@xml:lang":"de"}}`},
		{"text after the root", "<a/>x", "!there is text outside of the root element"},
		{"text before the root", "x<a/>", "!there is text outside of the root element"},
		{"CDATA after the root", "<a/><![CDATA[x]]>", "!there is text outside of the root element"},
		{"an end without a start", "</a>", "!</a> ends no element"},
		{"another end", "<a xmlns:p='u' xmlns:q='u'><p:b></q:b></a>", "!element <p:b> closed by </q:b>"},
		{"a root that is not closed", "<a><b/>", "!the element <a> is not closed"},
		{"a second root", "<a/><b/>", "!a second root element"},
		{"no element", "<!-- a -->", "!there is no element"},
		{"an element that is not closed", "<a><b></a>", "!the XML cannot be read"},
		{"as deep as may be", nested(payload.MaxXMLDepth), `{"a":` + strings.Repeat(`{"a":`, payload.MaxXMLDepth-1) + "null" + strings.Repeat("}", payload.MaxXMLDepth)},
		{"deeper", nested(payload.MaxXMLDepth + 1), "!nested deeper than 256"},
		{"an entity of a DTD", `<!DOCTYPE a [<!ENTITY x "ha">]><a>&x;</a>`, "!invalid character entity"},
		{"entities of entities", `<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>`, "!invalid character entity"},
		{"a file", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, "!invalid character entity"},
		{"a parameter entity", `<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><a/>`, `{"a":null}`},
		{"a DTD elsewhere", `<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a>1</a>`, `{"a":"1"}`},
		{"a zero character", "<a>&#0;</a>", "!the XML cannot be read"},
		{"a charset that is none", "<?xml version='1.0' encoding='klingon'?><a/>", "!klingon"},
	}.check(t, payload.XML, "")
}

func TestCSVEdges(t *testing.T) {
	t.Parallel()
	edges{
		{"a line break in quotes", "a,b\n\"1\n2\",3\n", `[{"a":"1\n2","b":"3"}]`},
		{"quotes in quotes", "a\n\"x\"\"y\"\n", `[{"a":"x\"y"}]`},
		{"line ends in quotes", "a,b\r\n\"1\r2\",\"3\r\n4\"\r\n", `[{"a":"1\r2","b":"3\r\n4"}]`},
		{"CR LF", "a\r\n1\r\n", `[{"a":"1"}]`},
		{"CR", "a\r1\r\r2", `[{"a":"1"},{"a":"2"}]`},
		{"an empty cell alone, in quotes", "a\n\"\"\n\n", `[{"a":""}]`},
		{"empty cells", "a,b\n,\n\"\",\n", `[{"a":"","b":""},{"a":"","b":""}]`},
		{"text after quotes", "a\n\"x\"y\n", "!line 2 has text after a cell in quotes"},
		{"a blank before quotes", "a\n \"x\"\n", `[{"a":" \"x\""}]`},
		{"which row is short", "a,b\n\"1\n\",2\n\n3\n", "!the row that begins on line 5 has 1 cells, the first row has 2"},
		{"which quote is open", "a\n1\n\"x\n\n", "!the quote on line 3 is not closed"},
		{"empty lines", "a\n\n1\n\n", `[{"a":"1"}]`},
		{"the first row only", "a,b\n", `[]`},
		{"no line end", "a\n1", `[{"a":"1"}]`},
		{"white space is kept", "a\n 1 \n", `[{"a":" 1 "}]`},
		{"one name empty", "a,\n1,2\n", `[{"":"2","a":"1"}]`},
		{"two names empty", ",\n1,2\n", `!two columns named ""`},
		{"two names alike", "a,b,a\n1,2,3\n", `!two columns named "a"`},
		{"names in another case", "a,A\n1,2\n", `[{"A":"2","a":"1"}]`},
		{"a short row", "a,b\n1\n", "!the CSV cannot be read"},
		{"a long row", "a\n1,2\n", "!the CSV cannot be read"},
		{"a quote in a cell", "a\nx\"y\n", `[{"a":"x\"y"}]`},
		{"a quote that is not closed", "a\n\"x\n", "!the CSV cannot be read"},
		{"a formula is text", "a\n=cmd|' /C calc'!A0\n", `[{"a":"=cmd|' /C calc'!A0"}]`},
	}.check(t, payload.CSV, "text/csv")
}

func TestMultipartEdges(t *testing.T) {
	t.Parallel()
	part := func(header, content string) string {
		return "--b\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + content + "\r\n"
	}
	edges{
		{"a boundary within a line", part("name=a", "x--b y") + "--b--", `{"a":"x--b y"}`},
		{"line breaks at the end", part("name=a", "x\r\n\r\n") + "--b--", `{"a":"x\r\n\r\n"}`},
		{"text before and after", "preamble\r\n" + part("name=a", "x") + "--b--\r\nepilogue", `{"a":"x"}`},
		{"a path of Windows", part(`name=a; filename="C:\\x\\y.txt"`, "x") + "--b--", `{"a":{"base64":"eA==","content_type":"application/octet-stream","name":"C:\\x\\y.txt","size":1}}`},
		{"a path that leads up", part(`name=a; filename="../../etc/passwd"`, "x") + "--b--", `{"a":{"base64":"eA==","content_type":"application/octet-stream","name":"passwd","size":1}}`},
		{"two names", part("name=a; name=b", "x") + "--b--", "!it has no name"},
		{"an empty name", part(`name=""`, "x") + "--b--", "!it has no name"},
		{"no disposition", "--b\r\n\r\nx\r\n--b--", "!it has no name"},
		{"another disposition", "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", "!it has no name"},
		{"JSON too deep", part("name=a\r\nContent-Type: application/json", strings.Repeat("[", 65)+strings.Repeat("]", 65)) + "--b--", `!part 1: "a"`},
		{"a member twice", part("name=a\r\nContent-Type: application/json", `{"x":1,"x":2}`) + "--b--", `!duplicate member "x"`},
		{"its own charset", part("name=a\r\nContent-Type: text/plain; charset=iso-8859-1", "\xeb") + "--b--", `{"a":"ë"}`},
		{"a charset that is none", part("name=a\r\nContent-Type: text/plain; charset=klingon", "x") + "--b--", "!klingon"},
		{"as many parts as may be", strings.Repeat(part(`name="a"`, ""), 1000) + "--b--", `{"a":[` + strings.TrimSuffix(strings.Repeat(`"",`, 1000), ",") + `]}`},
		{"more", strings.Repeat(part("name=a", ""), 1001) + "--b--", "!part 1001: there are more than 1000 parts"},
		{"another boundary", "--c\r\n\r\n--c--", "!part 1"},
	}.check(t, "", multi)
}

func TestNDJSONEdges(t *testing.T) {
	t.Parallel()
	edges{
		{"a member twice", "{\"a\":1}\n{\"a\":1,\"a\":2}", `!line 2: duplicate member "a"`},
		{"two values in a line", "1 2", "!line 1"},
		{"a value over two lines", "[1,\n2]", "!line 1"},
		{"a comma between", "1\n,2", "!line 2"},
		{"a value that closes the list", "1]\n[2", "!line 1"},
		{"as deep as may be", strings.Repeat("[", 63) + strings.Repeat("]", 63), "[" + strings.Repeat("[", 63) + strings.Repeat("]", 63) + "]"},
		{"deeper", strings.Repeat("[", 64) + strings.Repeat("]", 64), "!line 1"},
		{"nothing but line breaks and separators", "\x1e\n\x1e\n", "[]"},
	}.check(t, payload.NDJSON, "")
}

// Each form charges for what it makes, so that a body larger than the memory of its account is refused, and an account
// that has room is not.
func TestEveryFormIsCharged(t *testing.T) {
	t.Parallel()
	text, columns := strings.Repeat("x", 1<<20), "c"
	for i := range 1 << 14 {
		columns += fmt.Sprint(",c", i)
	}
	for name, c := range map[string]struct {
		as          payload.Form
		contentType string
		body        string
	}{
		"text":               {payload.Text, "text/plain", text},
		"bytes":              {payload.Bytes, "image/png", text},
		"another charset":    {payload.Text, "text/plain; charset=utf-16le", text},
		"windows-1252":       {payload.Text, "text/plain", "\xeb" + text},
		"form":               {payload.URLEncoded, urlencoded, "a=" + text},
		"fields of a form":   {payload.URLEncoded, urlencoded, strings.Repeat("a=1&", 900)},
		"nested form":        {payload.Nested, urlencoded, "a=" + text},
		"nested fields":      {payload.Nested, urlencoded, strings.Repeat("a"+strings.Repeat("[b]", 30)+"=1&", 500)},
		"XML text":           {payload.XML, "", "<a>" + text + "</a>"},
		"XML attribute":      {payload.XML, "", "<a b='" + text + "'/>"},
		"XML elements":       {payload.XML, "", "<a>" + strings.Repeat("<b/>", 1<<14) + "</a>"},
		"CSV cells":          {payload.CSV, "", "a\n" + text + "\n"},
		"CSV rows":           {payload.CSV, "", strings.Repeat("a\n", 1<<14)},
		"CSV columns":        {payload.CSV, "", columns},
		"NDJSON":             {payload.NDJSON, "", `"` + text + `"`},
		"a part":             {payload.Multipart, multi, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + text + "\r\n--b--"},
		"a file":             {payload.Multipart, multi, "--b\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n" + text + "\r\n--b--"},
		"parts":              {payload.Multipart, multi, strings.Repeat("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", 200) + "--b--"},
		"JSON, converted":    {payload.JSON, "application/json; charset=utf-16le", "\"\x00" + strings.Repeat("x\x00", 1<<19) + "\"\x00"},
		"looking whether it": {payload.Auto, "text/plain; charset=utf-16le", text},
	} {
		read := func(most int64) error {
			account := budget.New(1<<30, slog.New(slog.DiscardHandler)).Open(most, nil)
			defer account.Close()
			var made atomic.Int64
			defer account.Settle(&made)
			r := newReader()
			r.Charger, r.MaxSize = budget.NewCharger(t.Context(), account, &made), 8<<20
			_, err := r.Read(c.as, c.contentType, []byte(c.body))
			return err
		}
		if err := read(64 << 10); !errors.Is(err, budget.ErrRunLimit) {
			t.Errorf("%s: %d bytes fit into 64 KiB: %v", name, len(c.body), err)
		}
		if err := read(256 << 20); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The end of the request ends the reading of its body, and is not taken for a mistake in the body.
func TestReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as   payload.Form
		body string
	}{
		{payload.XML, "<a>" + strings.Repeat("<b>1</b>", 1<<14) + "</a>"},
		{payload.CSV, strings.Repeat("a\n", 1<<15)},
		{payload.Nested, strings.Repeat("a[b][c]=1&", 900)},
		{payload.Multipart, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + strings.Repeat("x", 1<<18) + "\r\n--b--"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		account := budget.New(1<<30, slog.New(slog.DiscardHandler)).Open(256<<20, nil)
		var made atomic.Int64
		r := newReader()
		r.Charger = budget.NewCharger(ctx, account, &made)
		_, err := r.Read(c.as, multi, []byte(c.body))
		var wrong *payload.Error
		if err == nil || errors.As(err, &wrong) {
			t.Errorf("%s: %v", c.as, err)
		}
		account.Settle(&made)
		account.Close()
	}
}

// A text that is encoded in chunks is that of one call.
func TestChunksOfBase64(t *testing.T) {
	t.Parallel()
	const each = 3 << 16
	for _, n := range []int{0, 1, 2, 3, each - 1, each, each + 1, each + 2, 2 * each, 2*each + 1} {
		content := bytes.Repeat([]byte{0xfb, 0xf0, 0x01, 0x7f}, n/4+1)[:n]
		if got, want := payload.EncodeBase64(content), base64.StdEncoding.EncodeToString(content); got != want {
			t.Errorf("%d bytes: %d characters, want %d, or others", n, len(got), len(want))
		}
	}
}

// The window that a brotli stream asks for is reserved before it is read (RFC 7932, section 9.1).
func TestWindows(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	for _, tc := range []struct {
		codings []string
		first   byte
		want    int64
	}{
		{nil, 0, 0},
		{[]string{"gzip"}, 0, 64 * kib},
		{[]string{"zstd"}, 0, 9 << 20},
		{[]string{"br"}, 0b0000_0000, 1<<16 + 256*kib},
		{[]string{"br"}, 0b0000_0001, 1<<17 + 256*kib},
		{[]string{"br"}, 0b0000_0011, 1<<18 + 256*kib},
		{[]string{"br"}, 0b0000_1111, 1<<24 + 256*kib},
		{[]string{"br"}, 0b0010_0001, 1<<10 + 256*kib},
		{[]string{"br"}, 0b0111_0001, 1<<15 + 256*kib},
		{[]string{"br", "gzip"}, 0, 16<<20 + 256*kib + 64*kib}, // the inner one's first byte is not known
		{[]string{"gzip", "zstd"}, 0, 9<<20 + 64*kib},
	} {
		if got := payload.Window(tc.codings, []byte{tc.first}); got != tc.want {
			t.Errorf("%v, first byte %08b: %d, want %d", tc.codings, tc.first, got, tc.want)
		}
	}
}

// The media type selects the form; whatever is unknown is bytes, never text.
func TestFormOf(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]payload.Form{
		"application/json": payload.JSON, "APPLICATION/JSON": payload.JSON, "application/problem+json; x=y": payload.JSON,
		"application/jsonp": payload.Bytes, "text/xml": payload.XML, "image/svg+xml": payload.Text, "application/atom+xml": payload.XML,
		"text/csv": payload.CSV, "text/html": payload.Text, "text/javascript": payload.Text, "application/x-www-form-urlencoded": payload.URLEncoded,
		"application/octet-stream": payload.Bytes, "multipart/mixed": payload.Bytes, "application/x-ndjson": payload.NDJSON, "x/y": payload.Bytes,
		"application/json/x": payload.Bytes, "application/ json": payload.Bytes,
	} {
		body := []byte("a,b\n1,2\n")
		switch want {
		case payload.JSON, payload.NDJSON:
			body = []byte("[1]")
		case payload.XML:
			body = []byte("<a/>")
		}
		got, err := newReader().Read("", contentType, body)
		if err != nil || got.Form != want {
			t.Errorf("%q: %q, %v, want %q", contentType, got.Form, err, want)
		}
	}
	if got := fmt.Sprint((&payload.Error{Form: payload.JSON, ContentType: strings.Repeat("x", 1000), Err: errors.New("e")}).Error()); len(got) > 300 {
		t.Errorf("an error has %d characters", len(got))
	}
}
