package mqtt

import (
	"io"
	"net"
	"time"
)

// closeLimit is how long the end of a connection waits for the server.
const closeLimit = time.Second

// conn is a network connection whose Close lets the server read everything that was sent. A connection that is closed while there is something to read
// is reset, and what the server has not read is lost with it: acknowledgements.
type conn struct{ net.Conn }

// Close implements net.Conn.
func (c conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(closeLimit)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn) // until the server closes it
	}
	return c.Conn.Close()
}
