// Package mongotest has a server in memory that speaks as much of MongoDB's protocol as the tests of the module need: OP_MSG,
// with the commands of reading and writing, and logins by SCRAM-SHA-256. It is no database: filters compare whole fields.
package mongotest

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Config configures a Server.
type Config struct {
	TLS                *tls.Config // nil: none
	Username, Password string      // empty: no login
}

// Server is a server. Safe for concurrent use.
type Server struct {
	config   Config
	listener net.Listener
	serving  sync.WaitGroup

	mu          sync.Mutex
	conns       map[net.Conn]bool   // guarded by mu
	collections map[string][]bson.D // guarded by mu; by name
	cursors     map[int64][]bson.D  // guarded by mu; what is left of them
	lastCursor  int64               // guarded by mu
	counts      map[string]int      // guarded by mu; commands by name
	failures    map[string]bson.D   // guarded by mu; what a command is answered instead
	lastFilter  bson.D              // guarded by mu; of a find
}

// Start starts a server on a free loopback port until the end of the test.
func Start(t testing.TB, config Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config.TLS != nil {
		l = tls.NewListener(l, config.TLS)
	}
	s := &Server{config: config, listener: l, conns: map[net.Conn]bool{}, collections: map[string][]bson.D{}, cursors: map[int64][]bson.D{}, counts: map[string]int{}, failures: map[string]bson.D{}}
	s.serving.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

// Address returns host and port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Documents returns the documents of a collection in their order.
func (s *Server) Documents(collection string) []bson.D {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]bson.D{}, s.collections[collection]...)
}

// Count returns how many commands of a name came.
func (s *Server) Count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[command]
}

// LastFilter returns the filter of the last find; nil: there was none.
func (s *Server) LastFilter() bson.D {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastFilter
}

// OpenCursors returns how many cursors were neither read to their end nor closed.
func (s *Server) OpenCursors() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.cursors)
}

// Fail makes a command fail until it is called with the code 0.
func (s *Server) Fail(command string, code int, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failures, command)
	if code != 0 {
		s.failures[command] = failure(code, message)
	}
}

func (s *Server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		s.serving.Go(func() {
			s.serve(conn)
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
			_ = conn.Close()
		})
	}
}

// Operation codes of the protocol.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013

	maxMessage = 48_000_000 // bytes
)

// serve answers the messages of a connection until it ends.
func (s *Server) serve(conn net.Conn) {
	c := &session{server: s}
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		size := binary.LittleEndian.Uint32(header)
		if size < 16 || size > maxMessage {
			return
		}
		body := make([]byte, size-16)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		op := binary.LittleEndian.Uint32(header[12:])
		var command bson.D
		var ok bool
		switch op {
		case opQuery: // the first hello
			command, ok = readQuery(body)
		case opMsg:
			command, ok = readMessage(body)
		}
		if !ok {
			return
		}
		if _, err := conn.Write(message(op, binary.LittleEndian.Uint32(header[4:]), c.answer(command))); err != nil {
			return
		}
	}
}

// readQuery reads flags, collection, numbers and a document.
func readQuery(body []byte) (command bson.D, ok bool) {
	if len(body) < 4 {
		return nil, false
	}
	rest := body[4:]
	for len(rest) > 0 && rest[0] != 0 {
		rest = rest[1:]
	}
	if len(rest) < 9 || bson.Unmarshal(rest[9:], &command) != nil {
		return nil, false
	}
	return command, true
}

// readMessage reads sections: a document, and lists of documents that are members of it.
func readMessage(body []byte) (command bson.D, ok bool) {
	if len(body) < 5 {
		return nil, false
	}
	lists := bson.D{}
	for rest := body[4:]; len(rest) > 4; {
		kind := rest[0]
		size := binary.LittleEndian.Uint32(rest[1:])
		if uint32(len(rest)-1) < size || size < 4 {
			return nil, false
		}
		section := rest[1 : 1+size]
		rest = rest[1+size:]
		if kind == 0 {
			if bson.Unmarshal(section, &command) != nil {
				return nil, false
			}
			continue
		}
		list, ok := readList(section[4:])
		if !ok {
			return nil, false
		}
		lists = append(lists, list)
	}
	return append(command, lists...), true
}

func readList(section []byte) (list bson.E, ok bool) {
	end := 0
	for end < len(section) && section[end] != 0 {
		end++
	}
	if end == len(section) {
		return list, false
	}
	documents := bson.A{}
	for rest := section[end+1:]; len(rest) >= 4; {
		size := binary.LittleEndian.Uint32(rest)
		var d bson.D
		if uint32(len(rest)) < size || bson.Unmarshal(rest[:size], &d) != nil {
			return list, false
		}
		documents, rest = append(documents, d), rest[size:]
	}
	return bson.E{Key: string(section[:end]), Value: documents}, true
}

// message is the answer to a message.
func message(op, to uint32, answer bson.D) []byte {
	document, err := bson.Marshal(answer)
	if err != nil {
		panic(err) // of the fake itself
	}
	var body []byte
	if op == opQuery {
		body = append(binary.LittleEndian.AppendUint32(nil, 8), make([]byte, 12)...) // flags, cursor, start
		body = append(binary.LittleEndian.AppendUint32(body, 1), document...)
		op = opReply
	} else {
		body = append([]byte{0, 0, 0, 0, 0}, document...)
	}
	header := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
	header = binary.LittleEndian.AppendUint32(header, 0)
	header = binary.LittleEndian.AppendUint32(header, to)
	header = binary.LittleEndian.AppendUint32(header, op)
	return append(header, body...)
}
