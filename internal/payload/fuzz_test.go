package payload_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

// checkRead reads a body on an account of 8 MiB, and fails if that takes longer than a second, if a JSON result is none,
// or if an error has another type than it should.
func checkRead(t *testing.T, as payload.Form, contentType string, body []byte) {
	t.Helper()
	account := budget.New(1<<30, slog.New(slog.DiscardHandler)).Open(8<<20, nil)
	defer account.Close()
	var made atomic.Int64
	defer account.Settle(&made)
	r := newReader()
	r.Charger = budget.NewCharger(context.Background(), account, &made)
	begin := time.Now()
	got, err := r.Read(as, contentType, body)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("%s: %d bytes took %v", as, len(body), took)
	}
	var wrong *payload.Error
	switch {
	case err == nil && !got.Empty():
		if event := jsonOf(t, got); len(event) > 8<<20 {
			t.Errorf("%s: %d bytes became %d", as, len(body), len(event))
		}
	case err != nil && !errors.As(err, &wrong) && !errors.Is(err, budget.ErrRunLimit):
		t.Errorf("%s: %v", as, err)
	}
}

func fuzz(f *testing.F, as payload.Form, contentType string, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkRead(t, as, contentType, body) })
}

func FuzzJSON(f *testing.F) {
	fuzz(f, payload.JSON, "application/json; charset=utf-16", "{\x00}\x00", "\xff\xfe[\x00]\x00", "\xef\xbb\xbf1")
}

func FuzzForm(f *testing.F) {
	fuzz(f, payload.URLEncoded, "", "a=1&b=%C3%A9;&a[]=%", "payload={}", "&&=&")
}

func FuzzNestedForm(f *testing.F) {
	fuzz(f, payload.Nested, "", "a[]=1&a[b][c]=2&a[9]=3&[=]", "a[0][0][0]=1&a[0]=2", "a[99999999999]=1&a[]=2")
}

func FuzzMultipart(f *testing.F) {
	fuzz(f, payload.Multipart, multi, "--b\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\nhi\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=f\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--")
}

func FuzzXML(f *testing.F) {
	fuzz(f, payload.XML, "text/xml", "<a b='1'>x<c/></a>", "<?xml version='1.0' encoding='iso-8859-1'?><a/>")
}

func FuzzCSV(f *testing.F) { fuzz(f, payload.CSV, "text/csv", "a,b\n1,\"2\n\"\n", "a\r\n\xeb") }

func FuzzNDJSON(f *testing.F) { fuzz(f, payload.NDJSON, "", "{}\n[]\n", "1\r\n\x1e2") }

func FuzzAuto(f *testing.F) {
	for _, s := range []string{"application/json", "text/plain; charset=shift_jis", "", urlencoded, multi, "text/csv", "a/b; x"} {
		f.Add(s, []byte("{}"))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) { checkRead(t, payload.Auto, contentType, body) })
}

// FuzzUnpack checks that no body gives more than its limit, or takes long.
func FuzzUnpack(f *testing.F) {
	for coding := range packers {
		f.Add(coding, pack(f, coding, []byte("hello hello hello")))
	}
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		codings, err := payload.Codings(map[string][]string{"Content-Encoding": {coding}})
		if err != nil {
			return
		}
		begin := time.Now()
		if payload.Window(codings, body) < 0 {
			t.Error("a negative window")
		}
		r, closeAll, err := payload.Unpack(codings, body, 1<<20)
		if err == nil {
			defer closeAll()
			var n int64
			if n, err = io.Copy(io.Discard, io.LimitReader(r, 2<<20)); n > 1<<20 {
				t.Errorf("%s gave %d bytes", coding, n)
			}
		}
		if err != nil && !errors.Is(err, payload.ErrCoding) && !errors.Is(err, payload.ErrTooLarge) {
			t.Errorf("%s: %v", coding, err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s: %d bytes took %v", coding, len(body), took)
		}
	})
}

// Bodies that cost much for their size are refused within the memory of their account.
func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		as   payload.Form
		body []byte
	}{
		"elements":   {payload.XML, append(append([]byte("<r>"), bytes.Repeat([]byte("<a/>"), 1<<18)...), "</r>"...)},
		"attributes": {payload.XML, append([]byte("<r"), bytes.Repeat([]byte(" a='1'"), 1<<18)...)},
		"rows":       {payload.CSV, bytes.Repeat([]byte("a\n"), 1<<19)},
		"columns":    {payload.CSV, bytes.Repeat([]byte("a,"), 1<<20)},
		"brackets":   {payload.Nested, append([]byte("a"), bytes.Repeat([]byte("[]"), 1<<19)...)},
		"parts":      {payload.Multipart, bytes.Repeat([]byte("--b\r\n\r\n\r\n"), 1<<17)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkRead(t, c.as, multi, c.body)
		})
	}
}
