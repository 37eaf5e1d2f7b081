package imap

import (
	"errors"
	"net"
)

// maxLine is the maximum length in bytes of what a server sends up to the end of a line, besides literals. The library keeps a line in memory several
// times. A list of 400,000 UIDs fits.
const maxLine = 4 << 20

var errLongLine = errors.New("the server sends a line without end")

// lines is a connection that ends with errLongLine when a line is too long. Reads are from one goroutine.
type lines struct {
	net.Conn
	failed  func(error) // notes the reason
	length  int         // of the line so far
	number  int64       // in the braces that the line ends with
	braces  int         // 1: within them; 2: behind them
	literal int64       // bytes of a literal that are left
}

// Read implements net.Conn.
func (l *lines) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if l.literal > 0 {
			skipped := min(l.literal, int64(len(rest)))
			l.literal, rest = l.literal-skipped, rest[skipped:]
			continue
		}
		l.next(rest[0])
		rest = rest[1:]
	}
	if l.length > maxLine {
		l.failed(errLongLine)
		return 0, errLongLine
	}
	return n, err
}

// next takes a byte of a line. A literal follows {number} at the end of a line (RFC 9051, section 4.3), and the same line after it.
func (l *lines) next(b byte) {
	l.length++
	switch {
	case b == '{':
		l.braces, l.number = 1, 0
	case l.braces == 1 && b >= '0' && b <= '9' && l.number < 1<<40:
		l.number = 10*l.number + int64(b-'0')
	case l.braces == 1 && b == '}':
		l.braces = 2
	case l.braces == 2 && b == '\r':
	case l.braces == 2 && b == '\n':
		l.literal, l.braces = l.number, 0
	case b == '\n':
		l.length, l.braces = 0, 0
	case l.braces == 1 && b == '+': // LITERAL+
	default:
		l.braces = 0
	}
}
