// Package bombs creates small responses that need much memory to be decoded, for tests.
package bombs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Handler serves each bomb at the path of its name, gzipped. A bomb is created at its first request, which takes
// about a second of processor time.
func Handler() http.Handler { return handler(false) }

// Prepared is Handler with all bombs created in advance, for tests that measure time.
func Prepared() http.Handler { return handler(true) }

func handler(made bool) http.Handler {
	mux := http.NewServeMux()
	for name, write := range map[string]func(io.Writer){
		"csv": func(w io.Writer) {
			for i := range 2000 {
				fmt.Fprintf(w, "c%d,", i)
			}
			repeat(w, "\n"+strings.Repeat(",", 2000), 4000)
		},
		"csv-row":      func(w io.Writer) { repeat(w, ",", 10_000_000) },
		"xml-elements": func(w io.Writer) { io.WriteString(w, "<r>"); repeat(w, "<a/>", 1_900_000); io.WriteString(w, "</r>") },
		"xml-attributes": func(w io.Writer) {
			io.WriteString(w, "<r")
			for i := range 500_000 {
				fmt.Fprintf(w, ` a%d=""`, i)
			}
			io.WriteString(w, "/>")
		},
		"json-objects": func(w io.Writer) { io.WriteString(w, "["); repeat(w, `{"a":1},`, 1_000_000); io.WriteString(w, "1]") },
		"json-lists":   func(w io.Writer) { io.WriteString(w, "["); repeat(w, "[],", 3_000_000); io.WriteString(w, "1]") },
		"form":         func(w io.Writer) { repeat(w, "a=&b=&", 500_000) },
		"gzip":         func(w io.Writer) { repeat(w, strings.Repeat("0", 1000), 99_999) },
	} {
		body := sync.OnceValue(func() []byte { return compress(write) })
		if made {
			body()
		}
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(body()) // the caller may have gone
		})
	}
	return mux
}

func compress(write func(io.Writer)) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	write(w)
	_ = w.Close() // writing into memory cannot fail
	return b.Bytes()
}

func repeat(w io.Writer, text string, n int) {
	block := strings.Repeat(text, 1000)
	for range n / 1000 {
		io.WriteString(w, block)
	}
	io.WriteString(w, strings.Repeat(text, n%1000))
}
