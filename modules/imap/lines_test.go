package imap

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// stream is a connection from which a text is read.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// A line has an end within a limit; literals do not count.
func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine-100)
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"greeting without end": {"* OK " + long + long, errLongLine},
		"many lines":           {strings.Repeat("* SEARCH "+long+"\r\n", 3), nil},
		"literal":              {"* 1 FETCH (BODY[] {9000000}\r\n" + strings.Repeat("y", 9_000_000) + ")\r\n* OK\r\n", nil},
		"behind a literal":     {"* 1 FETCH (BODY[] {3}\r\nabc " + long + long, errLongLine},
		"no literal":           {"* 1 {9000000} " + long + long, errLongLine},
		"literal of nothing":   {"* 1 FETCH (BODY[] {0}\r\n)\r\n" + long, nil},
	} {
		var noted error
		read, err := io.Copy(io.Discard, &lines{Conn: stream{Reader: strings.NewReader(tt.text)}, failed: func(err error) { noted = err }})
		if !errors.Is(err, tt.want) || !errors.Is(noted, tt.want) || tt.want == nil && (err != nil || int(read) != len(tt.text)) {
			t.Errorf("%s: %d bytes, %v, noted %v, want %v", name, read, err, noted, tt.want)
		}
	}
}
